"""What outlives a process: a key of play money that only its owner reads, and where the rest is."""

from pathlib import Path

import pytest

from polymm.errors import ConfigError, CredentialError
from polymm.runtime.state_folder import StateFolder, state_folder


def test_a_key_is_drawn_once_and_read_again(tmp_path: Path) -> None:
    with state_folder(tmp_path / "a" / "state") as folder:
        first = folder.signing_key()
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert folder.key.stat().st_mode & 0o777 == 0o600
        assert folder.signing_key().address == folder.read_key().address == first.address
        assert folder.key.read_text() not in repr(first)
    with state_folder(tmp_path / "b") as other:
        assert other.signing_key().address != first.address


def test_a_key_that_others_could_have_put_there_is_refused(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with pytest.raises(CredentialError, match="cannot be read"):
        folder.read_key()
    folder.signing_key()
    folder.key.chmod(0o640)
    with pytest.raises(CredentialError, match="must have mode 0600, has 0640"):
        folder.signing_key()
    folder.key.rename(tmp_path / "other")
    (tmp_path / "other").chmod(0o600)
    folder.key.symlink_to(tmp_path / "other")
    with pytest.raises(CredentialError, match="is a link"):
        folder.signing_key()


def test_without_a_folder_nothing_outlives_the_run(tmp_path: Path) -> None:
    with state_folder(None) as folder:
        folder.signing_key()
        assert folder.kill_file.parent == folder.journal.parent == folder.path
    assert not folder.path.exists()
    with state_folder(None, tmp_path / "halt") as folder:
        assert folder.kill_file == tmp_path / "halt"
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match="no state can be kept there"),
        state_folder(tmp_path / "file" / "x"),
    ):
        raise AssertionError("must not be reached")

"""What a run keeps between its processes: the journal, the kill file, and a key of play money.

Without a folder of its own a run keeps it all in a temporary one, and nothing outlives it.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from polymm.errors import ConfigError, CredentialError
from polymm.runtime.secrets import read_secret_file
from polymm.venues.polymarket.credentials import Secret, SigningKey


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where a run keeps what must outlive its process.

    Args:
        kill: The kill file where it is elsewhere; None for the folder's own.
    """

    path: Path
    kill: Path | None = None

    @property
    def kill_file(self) -> Path:
        """Nothing trades while it is there."""
        return self.kill or self.path / "kill"

    @property
    def journal(self) -> Path:
        """Folder of the journal."""
        return self.path / "journal"

    @property
    def status(self) -> Path:
        """What the engine last said of itself: one JSON object."""
        return self.path / "status.json"

    def tell(self, status: Mapping[str, object]) -> None:
        """Say where the engine stands, for people and programs; a full disk is no reason to end."""
        passing = self.status.with_suffix(".new")
        with suppress(OSError):
            passing.write_text(json.dumps(dict(status)))
            passing.replace(self.status)

    @property
    def key(self) -> Path:
        """File of the key that a local exchange knows; no key of real money belongs there."""
        return self.path / "key"

    def signing_key(self) -> SigningKey:
        """Read the key of play money, or draw one and keep it.

        Raises:
            CredentialError: The file is readable by others, a link, or holds no key.
            ConfigError: It cannot be written.
        """
        drawn = secrets.token_hex(32).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self.key, flags, 0o600)
        except FileExistsError:
            return self.read_key()
        except OSError as error:
            raise ConfigError(f"{self.key}: cannot be written: {error.strerror}") from None
        try:
            os.write(descriptor, drawn)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return SigningKey(Secret(drawn.decode()))

    def read_key(self) -> SigningKey:
        """Read the key of play money.

        Raises:
            CredentialError: There is none, or it is not fit to be read.
        """
        if self.key.is_symlink():
            raise CredentialError(f"{self.key}: must be a file, is a link")
        faults: list[str] = []
        secret = read_secret_file(os.fspath(self.key), "the state folder", faults)
        if secret is None:
            raise CredentialError(f"{self.key}: {faults[0]}")
        return SigningKey(secret)


@contextmanager
def state_folder(path: Path | None, kill_file: Path | None = None) -> Iterator[StateFolder]:
    """Open a folder, made where it is missing and open to its owner alone.

    Args:
        path: None for one that passes with the block.
        kill_file: Where it is elsewhere.

    Raises:
        ConfigError: It cannot be made.
    """
    if path is None:
        with tempfile.TemporaryDirectory(prefix="polymm-state-") as name:
            yield StateFolder(Path(name), kill_file)
        return
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: no state can be kept there: {error.strerror}") from None
    yield StateFolder(path, kill_file)

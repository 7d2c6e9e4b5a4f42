"""A compiled engine that is older than its source is told, before anybody trusts it."""

from hashlib import sha256
from pathlib import Path

import pytest

from polymm.errors import ConfigError
from polymm.runtime.built import engine_form

SOURCE = b"def decide() -> int:\n    return 1\n"


def built(package: Path) -> Path:
    """A package whose engine is one compiled module; its source."""
    source = package / "engine" / "maker.py"
    source.parent.mkdir()
    source.write_bytes(SOURCE)
    (source.parent / "maker.cpython-311-x86_64-linux-gnu.so").touch()
    stamp = f"{sha256(SOURCE).hexdigest()} polymm/engine/maker.py\n"
    (source.parent / "compiled.txt").write_text(stamp)
    return source


def test_an_engine_as_it_was_compiled_is_compiled(tmp_path: Path) -> None:
    built(tmp_path)
    assert engine_form(tmp_path) == "compiled"


def test_an_edited_source_is_named_with_what_to_do(tmp_path: Path) -> None:
    built(tmp_path).write_bytes(SOURCE.replace(b"1", b"2"))
    with pytest.raises(ConfigError, match=r"older than its source \(maker\.py\).*build_ext"):
        engine_form(tmp_path)


def test_a_compiled_module_that_no_build_has_named_is_told(tmp_path: Path) -> None:
    (built(tmp_path).parent / "compiled.txt").unlink()
    with pytest.raises(ConfigError, match="older than its source"):
        engine_form(tmp_path)


def test_without_compiled_modules_the_engine_is_interpreted(tmp_path: Path) -> None:
    source = built(tmp_path)
    next(source.parent.glob("*.so")).unlink()
    source.write_bytes(b"")
    assert engine_form(tmp_path) == "interpreted"

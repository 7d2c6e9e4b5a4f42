"""Whether the compiled engine is that of the sources beside it.

A compiled module comes before its source when it is imported: an engine that was edited or pulled
and not built again would go on as it was, without a word.
"""

from hashlib import sha256
from pathlib import Path
from typing import Final

from polymm.errors import ConfigError

PACKAGE: Final = Path(__file__).resolve().parents[1]
# Written by the build: a digest and a path for each source that it has translated.
STAMP: Final = "engine/compiled.txt"
FOLDERS: Final = ("domain", "engine", "net", "runtime", "venues/polymarket")


def engine_form(package: Path = PACKAGE) -> str:
    """Say what runs: "compiled" or "interpreted".

    Raises:
        ConfigError: A source has changed since it was compiled, or is compiled without a stamp.
    """
    stamp = package / STAMP
    lines = stamp.read_text().splitlines() if stamp.exists() else []
    known = {path: digest for digest, _, path in (line.partition(" ") for line in lines)}
    modules = [module for folder in FOLDERS for module in sorted((package / folder).glob("*.so"))]
    sources = [module.with_name(f"{module.name.partition('.')[0]}.py") for module in modules]
    changed = [
        source.name
        for source in sources
        if source.exists()
        and known.get(f"polymm/{source.relative_to(package).as_posix()}")
        != sha256(source.read_bytes()).hexdigest()
    ]
    if changed:
        raise ConfigError(
            f"the compiled engine is older than its source ({', '.join(changed)}): run python "
            "setup.py build_ext --inplace, or the same with POLYMM_PURE=1 to have it interpreted"
        )
    return "compiled" if sources else "interpreted"

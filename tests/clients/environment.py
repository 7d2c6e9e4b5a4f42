"""Environments of their own for other people's clients whose requirements do not fit into ours.

``POLYMM_CLIENT_PYTHON`` names an interpreter that has polymarket-client already. Without it one is
made from the package index, once: it stays under ``POLYMM_CACHE`` (``$XDG_CACHE_HOME/polymm``, or
``~/.cache/polymm``) and is made anew where it is not whole.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

REQUIREMENT = "polymarket-client==0.14.0"
# Written last: without it what is there is what an interrupted run has left.
WHOLE = "whole"


def cache_folder() -> Path:
    """Where environments are kept between runs."""
    named = os.environ.get("POLYMM_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polymm"


@cache
def polymarket_client() -> str:
    """Give the interpreter that has polymarket-client, making its environment if need be.

    Raises:
        AssertionError: It could not be made; with what the installer said.
    """
    named = os.environ.get("POLYMM_CLIENT_PYTHON")
    if named:
        return named
    version = ".".join(map(str, sys.version_info[:3]))
    folder = cache_folder() / f"{REQUIREMENT.replace('==', '-')}-python-{version}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Test processes side by side want the same one.
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ((folder / WHOLE).exists() and python.exists()):
            shutil.rmtree(folder, ignore_errors=True)
            # Our own installer does it: to give the environment one of its own takes seconds.
            _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
            install = ("install", "--quiet", "--no-input", "--no-compile", REQUIREMENT)
            _run(sys.executable, "-m", "pip", "--python", str(python), *install)
            (folder / WHOLE).touch()
    return str(python)


def _run(*command: str) -> None:
    # A path of ours would put our packages before the other environment's.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-4_000:]}"


if __name__ == "__main__":
    sys.stdout.write(f"{polymarket_client()}\n")

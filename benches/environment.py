"""Environments of their own for programs whose requirements do not fit into ours.

One is made from the package index, once: it stays under ``POLYMM_CACHE``
(``$XDG_CACHE_HOME/polymm``, or ``~/.cache/polymm``) and is made anew where it is not whole.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Written last: without it what is there is what an interrupted run has left.
WHOLE = "whole"


class EnvironmentMissingError(Exception):
    """An environment could not be made; the message is what the installer said."""


def cache_folder() -> Path:
    """Where environments are kept between runs."""
    named = os.environ.get("POLYMM_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polymm"


def interpreter(name: str, *requirements: str) -> str:
    """Give an interpreter that has these packages, making its environment if need be.

    Args:
        name: Of the environment; the version of Python is added.
        requirements: As pip takes them, options of its own among them.

    Raises:
        EnvironmentMissingError: It could not be made.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    folder = cache_folder() / f"{name}-python-{version}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Processes side by side want the same one.
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ((folder / WHOLE).exists() and python.exists()):
            shutil.rmtree(folder, ignore_errors=True)
            # Our own installer does it: to give the environment one of its own takes seconds.
            _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
            install = ("install", "--quiet", "--no-input", "--no-compile", *requirements)
            _run(sys.executable, "-m", "pip", "--python", str(python), *install)
            (folder / WHOLE).touch()
    return str(python)


def surroundings() -> dict[str, str]:
    """Environment variables for such an interpreter: ours would put our packages before its own."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _run(*command: str) -> None:
    done = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentMissingError(f"{' '.join(command)}\n{done.stderr[-4_000:]}")

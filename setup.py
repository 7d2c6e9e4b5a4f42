"""Build the compiled core: extensions side by side, without debug information.

Environment switches, for people who work on the core:
    POLYMM_DEBUG=1     -O0 -g, with bounds and overflow checks
    POLYMM_SANITIZE=1  address and undefined-behaviour sanitizers (see tests/README.md)
"""

import os
import platform
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("POLYMM_DEBUG") == "1"
SANITIZE = os.environ.get("POLYMM_SANITIZE") == "1"
MODE = "sanitize" if SANITIZE else "debug" if DEBUG else "release"
CORE = Path("polymm/_core")
HEADERS = sorted(map(str, CORE.glob("*.h")))
JOBS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

DIRECTIVES = {
    "language_level": "3",
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
    "embedsignature": True,
    "embedsignature.format": "python",
}


def compile_flags() -> tuple[list[str], list[str]]:
    """Flags for compiler and linker; both understand them alike in gcc and clang."""
    # Contraction to fused multiply-add would make a quote depend on the machine it was computed on.
    compiler = ["-ffp-contract=off"]
    linker = []
    if platform.machine() in ("x86_64", "AMD64"):
        # v2 brings popcnt and SSE4.2, which every x86-64 server of the last decade has.
        compiler.append("-march=x86-64-v2")
    if SANITIZE:
        sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
        compiler += ["-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer", *sanitizers]
        linker += sanitizers
    elif DEBUG:
        compiler += ["-O0", "-g", "-UNDEBUG"]
    else:
        compiler += ["-O3", "-g0"]
    return compiler, linker


def flags_stamp(flags: object) -> str:
    """Write the flags to a file that changes only with them, so that a switch rebuilds."""
    stamp = Path("build") / "flags.txt"
    text = f"{MODE} {flags}\n"
    if not stamp.exists() or stamp.read_text() != text:
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(text)
    return str(stamp)


class BuildExt(build_ext):
    """Translate and compile all extensions in parallel."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or JOBS

    def build_extensions(self) -> None:
        compiler, linker = compile_flags() if self.compiler.compiler_type == "unix" else ([], [])
        stamp = flags_stamp((compiler, linker))
        translated = cythonize(
            self.extensions,
            build_dir=f"build/cython-{MODE}",
            compiler_directives=DIRECTIVES,
            nthreads=self.parallel,
            force=self.force,
        )
        sources = {extension.name: extension.sources for extension in translated}
        for extension in self.extensions:
            extension.sources = sources[extension.name]
            extension.extra_compile_args = compiler
            extension.extra_link_args = linker
            extension.depends = [stamp, *HEADERS]
        super().build_extensions()


setup(
    ext_modules=[
        Extension(".".join(path.with_suffix("").parts), [str(path)], include_dirs=[str(CORE)])
        for path in sorted(CORE.glob("*.pyx"))
    ],
    cmdclass={"build_ext": BuildExt},
)

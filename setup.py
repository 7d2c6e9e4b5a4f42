"""Build the compiled core and the compiled engine, without debug information.

The core is Cython. The engine, and what stands on an order's way around it, is plain Python that
mypyc translates: the same files run without it.

Environment switches, for people who work on the core:
    POLYMM_DEBUG=1     -O0 -g, with bounds and overflow checks
    POLYMM_SANITIZE=1  address and undefined-behaviour sanitizers (see tests/README.md)
    POLYMM_PURE=1      the engine interpreted; its compiled modules are removed from the tree
"""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("POLYMM_DEBUG") == "1"
SANITIZE = os.environ.get("POLYMM_SANITIZE") == "1"
PURE = os.environ.get("POLYMM_PURE") == "1" or SANITIZE
MODE = "sanitize" if SANITIZE else "debug" if DEBUG else "release"
CORE = Path("polymm/_core")
HEADERS = sorted(map(str, CORE.glob("*.h")))
ENGINE = Path("polymm/engine")
# What only holds data or names types would gain nothing: tuples, settings, protocols.
DATA = """
__init__ actions events evidence findings host_events life limits order_settings ports proving
records refusals settings
"""
# What stands between the engine and its sockets on the way of an order.
PATH = """
domain/inventory domain/tuples net/pacing runtime/clock runtime/journal runtime/loop_watch
runtime/pump venues/polymarket/ahead venues/polymarket/auth venues/polymarket/budget
venues/polymarket/feed_market venues/polymarket/market_line venues/polymarket/placing
venues/polymarket/signed_requests
"""
TRANSLATED = [str(p) for p in sorted(ENGINE.glob("*.py")) if p.stem not in DATA.split()]
TRANSLATED += [f"polymm/{name}.py" for name in PATH.split()]
FOLDERS = {Path(path).parent for path in TRANSLATED}
STAMP = ENGINE / "compiled.txt"
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


def translate_engine() -> list[Extension]:
    """Have mypyc write the engine as C: one library, and a module for each file that loads it."""
    from mypyc.build import mypycify

    # A build has not the libraries that types of other modules name, and needs none of them.
    folder = f"build/mypyc-{MODE}"
    options = ["--config-file=", "--no-site-packages", "--ignore-missing-imports"]
    extensions = mypycify(
        [*options, "--cache-dir=build/mypy", *TRANSLATED],
        only_compile_paths=TRANSLATED,
        opt_level="0" if DEBUG else "1",
        debug_level="0",
        multi_file=True,
        target_dir=folder,
        group_name="polymm.engine.compiled",
    )
    for extension in extensions:
        # Files of the group include its header as if it stood beside them.
        extension.include_dirs.append(f"{folder}/{ENGINE}")
        # What another compiler warns of is no reason not to install.
        flags = extension.extra_compile_args
        extension.extra_compile_args = [flag for flag in flags if flag != "-Werror"]
    return extensions


def translate_core(jobs: int, *, force: bool) -> list[Extension]:
    """Have Cython write the core as C, by processes of its own."""
    return cythonize(
        CORE_MODULES,
        build_dir=f"build/cython-{MODE}",
        compiler_directives=DIRECTIVES,
        nthreads=jobs,
        force=force,
    )


def engine_stamp() -> str:
    """Name the sources that were translated, and what they held (`polymm.runtime.built`)."""
    digests = [f"{sha256(Path(path).read_bytes()).hexdigest()} {path}" for path in TRANSLATED]
    return "".join(f"{line}\n" for line in digests)


class BuildExt(build_ext):
    """Translate and compile all extensions in parallel."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = int(self.parallel or JOBS)

    def run(self) -> None:
        """Build the core and, but for POLYMM_PURE, the engine; of that nothing old is left."""
        if self.inplace:
            for folder in FOLDERS:
                for module in folder.glob("*.so"):
                    module.unlink()
            STAMP.unlink(missing_ok=True)
        if not PURE:
            stamp = engine_stamp()
            with ThreadPoolExecutor(1) as beside:
                core = beside.submit(translate_core, self.parallel, force=self.force)
                engine = translate_engine()
                core.result()
            # The longest first.
            self.distribution.ext_modules = [*engine, *CORE_MODULES]
            self.swig_opts = None  # the one option that is not finalized twice
            super().finalize_options()
        super().run()
        if not PURE:
            (STAMP if self.inplace else Path(self.build_lib) / STAMP).write_text(stamp)

    def build_extensions(self) -> None:
        core = [extension for extension in self.extensions if extension in CORE_MODULES]
        compiler, linker = compile_flags() if self.compiler.compiler_type == "unix" else ([], [])
        stamp = flags_stamp((compiler, linker))
        # Nothing is left to do where it was done beside the engine.
        translated = translate_core(self.parallel, force=self.force and PURE)
        sources = {extension.name: extension.sources for extension in translated}
        for extension in core:
            extension.sources = sources[extension.name]
            extension.extra_compile_args = compiler
            extension.extra_link_args = linker
            extension.depends = [stamp, *HEADERS]
        super().build_extensions()


CORE_MODULES = [
    Extension(".".join(path.with_suffix("").parts), [str(path)], include_dirs=[str(CORE)])
    for path in sorted(CORE.glob("*.pyx"))
]
setup(ext_modules=CORE_MODULES, cmdclass={"build_ext": BuildExt})

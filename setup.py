"""Build the compiled core."""

from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    ext_modules=cythonize(
        [
            Extension(
                path[:-4].replace("/", "."),
                [path],
                extra_compile_args=["-O3", "-g0", "-ffp-contract=off", "-march=x86-64-v2"],
            )
            for path in sorted(glob("polymm/_core/*.pyx"))
        ],
        language_level=3,
    )
)

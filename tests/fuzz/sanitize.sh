#!/bin/sh
# Build the compiled core with address and undefined-behaviour sanitizers beside the tree, and fuzz
# it. Arguments go to `python -m tests.fuzz`; exit code 0 means no finding and no disagreement.
#
#   PYTHON               interpreter with the build and test requirements (default: python)
#   POLYMM_SANITIZE_DIR  where to build (default: build/sanitize in the repository)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python}
target=${POLYMM_SANITIZE_DIR:-$root/build/sanitize}
[ $# -gt 0 ] || set -- --inputs 1000000 --seed 1

mkdir -p "$target"
cd "$root"
# A copy that keeps times, so that a second run compiles only what changed since.
find polymm tests/fuzz tests/oracle tests/__init__.py setup.py pyproject.toml README.md LICENSE \
    -type f ! -name '*.so' ! -name '*.pyc' -print0 | tar -c --null -T - | tar -x -C "$target"
cd "$target"
POLYMM_SANITIZE=1 "$python" setup.py -q build_ext --inplace

# orjson and the interpreter are not instrumented and Python frees little at exit: leaks are not
# looked for here (tests.fuzz.growth does that). PYTHONMALLOC=malloc puts each frame into a block of
# its own size, so that reading past its end is seen.
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export PYTHONMALLOC=malloc PYTHONPATH="$target" PYTHONDONTWRITEBYTECODE=1
exec "$python" -m tests.fuzz --parser market "$@"

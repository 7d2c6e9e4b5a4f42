"""The path over loopback sockets: bytes out and back, frames in; p50, p99 and p99.9."""

import sys
from pathlib import Path

# As in `benches.__main__`: an installed polymm wins over the uncompiled source of the clone.
_ROOT = str(Path(__file__).resolve().parents[2])
sys.path[:] = [path for path in sys.path if path not in ("", _ROOT)] + [_ROOT]

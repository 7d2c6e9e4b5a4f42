"""The one tree of errors that polymm raises on purpose.

PolymmError
├── InputError            bytes, arrays or values from outside that cannot be used
│   ├── DecodeError       a market-channel frame; carries the byte offset
│   └── RecordingError    a recording or tape that is missing, wrong, empty or damaged
├── ConfigError           a configuration file or value
├── QuoterError           a user's quoter that does not compile or has the wrong signature
└── LedgerError           money or shares that do not add up; never expected, never hidden

Any layer may import this module; it imports nothing.
"""

# Python finds a clone before the installed package when it runs inside that clone, and after a
# plain `pip install .` only the package has the compiled core.
NOT_BUILT = (
    f"the compiled core is not built in {__file__.removesuffix('errors.py')}: this is polymm's "
    "source, not the installed package; run from another folder, or install with pip install -e ."
)


class PolymmError(Exception):
    """Base of every error that polymm raises on purpose."""


class InputError(PolymmError, ValueError):
    """Something from outside cannot be used; the message says what was expected and found."""


class DecodeError(InputError):
    """A frame is malformed; nothing of it was applied.

    Attributes:
        offset: Byte offset in the frame at which the fault was seen, -1 where it is not known.
    """

    def __init__(self, message: str, offset: int = -1) -> None:
        super().__init__(f"{message} (offset {offset})" if offset >= 0 else message)
        self.offset = offset


class RecordingError(InputError):
    """A recording is missing, of unknown shape, empty or damaged."""


class ConfigError(PolymmError, ValueError):
    """A configuration file or value is wrong; the message names key, value and allowed range."""


class QuoterError(PolymmError, TypeError):
    """A user's quoter does not compile or has the wrong signature."""


class LedgerError(PolymmError, AssertionError):
    """Money or shares do not add up."""

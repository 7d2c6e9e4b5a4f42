"""The one tree of errors that polymm raises on purpose.

PolymmError
├── InputError            bytes, arrays or values from outside that cannot be used
│   ├── DecodeError       a market-channel frame; carries the byte offset
│   ├── MarketError       a market's record; names the facts that are missing or contradict
│   └── RecordingError    a recording or tape that is missing, wrong, empty or damaged
├── ConfigError           a configuration file or value
│   └── UsageError        a flag's value that cannot be
├── DialError             a connection that could not be made; carries its kind
│   └── HandshakeError    the peer answered a websocket's opening with something else
├── VenueError            a venue's answer, or its absence, where a value was asked for
├── CredentialError       a key or credential that is missing, malformed or readable by others
├── QuoterError           a user's quoter that does not compile or has the wrong signature
├── HaltedError           an engine that stopped for good; a person must look first
├── JournalError          a journal that cannot be written, read or locked; carries the offset
│   ├── LockedError       another engine runs this account; carries its process id
│   └── ReplayError       a run that is repeated asks for what was not noted
├── ReportError           a page or result that cannot be written
├── StoreError            the store of a sweep that cannot be written, read or locked
├── WorkerError           workers of a sweep, or their scheduler, that went away for good
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


class MarketError(InputError):
    """What a venue says of a market is missing, impossible or contradicts itself.

    Attributes:
        facts: The names of the facts, such as "tokens" or "fee rate_e6".
    """

    def __init__(self, facts: str | tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.facts = (facts,) if isinstance(facts, str) else facts


class RecordingError(InputError):
    """A recording is missing, of unknown shape, empty or damaged."""


class ConfigError(PolymmError, ValueError):
    """A configuration file or value is wrong; the message names key, value and allowed range."""


class UsageError(ConfigError):
    """A flag or argument has a value that cannot be; the message names it and what is allowed."""


class DialError(PolymmError):
    """A connection could not be made; nothing was sent that means anything to a venue.

    Attributes:
        kind: One of `polymm.net.dialling.DIAL_KINDS`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class HandshakeError(DialError):
    """The peer answered a websocket's opening handshake with something else.

    Attributes:
        status: HTTP status, 0 where no HTTP answer came.
        headers: Names in lower case, and values.
        body: What had arrived of the answer's body, possibly cut.
    """

    def __init__(
        self,
        message: str,
        status: int = 0,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> None:
        super().__init__("handshake", message)
        self.status = status
        self.headers = headers
        self.body = body


class VenueError(PolymmError):
    """A venue gave no answer that could be used; nothing was changed that it does not say.

    Attributes:
        reason: A key of the venue's own table, for example
            `polymm.venues.polymarket.reasons.REASONS`.
        is_known: Whether the request certainly had no effect.
        status: HTTP status, 0 where no answer came.
        retry_after_ns: How long the venue asked to wait, 0 where it did not.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        is_known: bool,
        status: int = 0,
        retry_after_ns: int = 0,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.is_known = is_known
        self.status = status
        self.retry_after_ns = retry_after_ns


class CredentialError(PolymmError, ValueError):
    """A key or credential is missing, malformed or readable by others; never carries it."""


class QuoterError(PolymmError, TypeError):
    """A user's quoter does not compile or has the wrong signature."""


class HaltedError(PolymmError):
    """An engine stopped for good, by a limit or by its kill switch: do not restart it unseen."""


class JournalError(PolymmError):
    """A journal cannot be written, read or locked; whatever it held is untouched.

    Attributes:
        offset: Byte offset of the fault in its file, -1 where there is none.
    """

    def __init__(self, message: str, offset: int = -1) -> None:
        super().__init__(f"{message} (offset {offset})" if offset >= 0 else message)
        self.offset = offset


class LockedError(JournalError):
    """Another engine runs this account; nothing was written.

    Attributes:
        pid: Its process, 0 where it is not known.
    """

    def __init__(self, message: str, pid: int = 0) -> None:
        super().__init__(message)
        self.pid = pid


class ReplayError(JournalError):
    """A run that is repeated asks for what was not noted: it is not the same run."""


class ReportError(PolymmError):
    """A page, or the result beside it, cannot be written: a full disk, or no right to."""


class StoreError(PolymmError):
    """The store of a sweep cannot be written, read or locked; whatever it held is untouched."""


class WorkerError(PolymmError):
    """Nobody is left to run a sweep's units; what was done is stored."""


class LedgerError(PolymmError, AssertionError):
    """Money or shares do not add up."""

"""Exit codes, one meaning each; ``polymm --help`` prints them."""

from polymm.errors import (
    ConfigError,
    CredentialError,
    DialError,
    HaltedError,
    JournalError,
    LedgerError,
    PolymmError,
    QuoterError,
    UsageError,
    VenueError,
)

OK = 0
FAILED = 1
USAGE = 2
CONFIGURATION = 3
REFUSED = 4
INTEGRITY = 5
HALTED = 42
INTERRUPTED = 130

MEANINGS = {
    OK: "ok",
    FAILED: "failed",
    USAGE: "usage",
    CONFIGURATION: "configuration",
    REFUSED: "venue or credentials refused",
    INTEGRITY: "integrity (state not reconciled)",
    HALTED: "halted by risk, do not restart",
    INTERRUPTED: "interrupted, orders cancelled",
}


def exit_code(error: PolymmError) -> int:
    """The code that a documented error ends the program with."""
    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, ConfigError | QuoterError):
        return CONFIGURATION
    if isinstance(error, VenueError | CredentialError | DialError):
        return REFUSED
    if isinstance(error, HaltedError):
        return HALTED
    return INTEGRITY if isinstance(error, LedgerError | JournalError) else FAILED

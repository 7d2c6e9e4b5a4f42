"""Lines on stderr while a verb runs, in the form of its errors."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def note(text: str) -> None:
    """Write one line to whatever stderr is now: a live display puts it above itself.

    Nobody may be left to read it: that ends nothing. Not through ``typer.echo``, which looks for
    the stream below the display and breaks it.
    """
    with suppress(OSError):
        sys.stderr.write(f"polymm: {text}\n")


class StderrLines(logging.Handler):
    """Notes every record."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        note(self.format(record))


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Show the warnings of all polymm loggers while a verb runs."""
    logger, handler = logging.getLogger("polymm"), StderrLines(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)

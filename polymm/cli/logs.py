"""Lines on stderr while a verb runs, in the form of its errors."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

STDERR: Final = 2


def note(text: str) -> None:
    """Write one line to whatever stderr is now: a live display puts it above itself.

    Nobody may be left to read it: that ends nothing. Not through ``typer.echo``, which looks for
    the stream below the display and breaks it. A signal's handler may note in the middle of another
    line, which the stream refuses: then it goes out beside the stream.
    """
    line = f"polymm: {text}\n"
    with suppress(OSError):
        try:
            sys.stderr.write(line)
        except RuntimeError:
            os.write(STDERR, line.encode())


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

"""How feeds ask a venue's public routes something, without knowing who carries the question."""

from collections.abc import Awaitable, Callable
from typing import Final

# GET of a path with its query: status and body. The status is `NO_ANSWER` where no whole answer
# came, and the body then says why. It raises nothing but CancelledError.
Read = Callable[[str], Awaitable[tuple[int, bytes]]]

NO_ANSWER: Final = 0

"""Which tests turn which switch on before our client, and the proof that it struck in them.

A scene ends in `audited`, which checks the exchange's books; a test that says what it turns on
fails where that did not strike, or where nobody looked at the books afterwards.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Fault

# Names of tests by switch, of all modules that were imported.
TURNED_ON: defaultdict[Fault, set[str]] = defaultdict(set)
_struck: Counter[Fault] = Counter()

Test = Callable[..., None]


def audited(exchange: Exchange) -> None:
    """Check an exchange's books to the micro-dollar, and note what struck on it."""
    exchange.audit()
    _struck.update(exchange.faults.struck)


def turns_on(*faults: Fault) -> Callable[[Test], Test]:
    """Mark a test by the switches that it turns on.

    Args:
        faults: All of them; of a test with a parameter ``fault`` each run is about that one.
    """

    def mark(test: Test) -> Test:
        for fault in faults:
            TURNED_ON[fault].add(test.__name__)

        @functools.wraps(test)
        def proven(**given: Any) -> None:
            _struck.clear()
            test(**given)
            expected = {given["fault"]} - {None} if "fault" in given else set(faults)
            missing = sorted(expected - _struck.keys())
            assert not missing, f"never struck, or nobody checked the books: {', '.join(missing)}"

        return proven

    return mark

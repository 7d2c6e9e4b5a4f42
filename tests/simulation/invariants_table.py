"""Which test holds which invariant of FAILURES: each id stands in exactly one of the two tables."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CHECKED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "I1": "holding: worst cases in the venue's book at each entry, in the belief at each step",
        "I2": "holding: live orders of a token and side at each entry",
        "I3": "sending: against all that rests or flies at each POST; holding: in the book",
        "I4": "sending: the world's own stamps at each POST",
        "I5": "sending: time and stated expiry at each POST; holding: no entry after the close;"
        " checker: what rests at the close was at least cancelled",
        "I6": "sending: what the engine was told, and its gate, at each POST",
        "I7": "sending: the intent at each POST, the bytes as they reach the venue",
        "I8": "holding: truth within belief at each step, equal when quiet",
        "I9": "holding: the ledger against the fills told of, at each step",
        "I10": "journaling: sent ids against the disk; fates at the end",
        "I11": "holding: what rests is held back, at each step",
        "I12": "sending: cash at each buy",
        "I13": "sending: confirmed shares at each sell",
        "I14": "sending: hashes and intents at each POST",
        "I15": "sending: number, gaps and sense of each cancel; rejections before each POST",
        "I16": "rates: own mirror of the venue's buckets, reserve and rates at each POST",
        "I17": "sending: health at each beat; holding: nothing is LIVE after a missed deadline",
        "I18": "sending: the engine's book against the true touches of the last seconds",
        "I19": "sending: the token of each order as it reaches the venue",
        "I20": "bounds: every container that can be reached from the engine",
        "I21": "test_exact_replay: the noted steps of a share of the runs, run again",
        "I22": "journaling: the plan at each POST; recovery at each crash and at the end",
        "I26": "sending: no POST between a jump and the next look at the clock; checker: time"
        " never falls",
        "I27": "losing: which limits of losses are broken; sending: where an order then leads;"
        " timing: what stood is pulled",
        "I28": "checker: one engine between its start and its end; strangers: no POST once an order"
        " or fill of somebody else was told, nor long beside one",
        "I29": "holding: the limits of each engine that begins; tests/engine/test_limits.py and"
        " tests/runtime/test_live_gate.py: none is made or run live without them",
        "L1": "timing: what rests after an input was lost",
        "L2": "timing: something rests soon after the last fault",
        "L3": "timing: ages of unknown orders and of fill debt",
        "L4": "sending: what rests from an earlier life is known once anything is posted",
        "L5": "timing: lag after the last fault; user events counted",
        "L7": "timing: a stop ends in time, clean or with the ids",
    }
)

ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "I23": "tests/runtime/test_secrets.py: canaries in every sink",
        "I24": "a later issue owes it: the dashboard is not built",
        "I25": "tests/runtime/test_observed.py: whoever observes writes nothing;"
        " tests/runtime/test_live_gate.py: nothing but paper runs without a confirmation",
        "I30": "a later issue owes it: there is no signer process yet",
        "I31": "tests/fuzz: any bytes to each parser",
        "I32": "issue 5 owes it: the recorder; tests/runtime/test_journal.py holds its framing",
        "L6": "tests/net/test_pacing.py: bounded retries with jitter",
        "L8": "tests/runtime/test_kill_switch.py and the benches over sockets: cancels do not wait",
    }
)

"""Delays of one market as the venue's slow twin draws them."""

from hashlib import sha256

WORDS = 2**64
STEP = 0x9E3779B97F4A7C15


def market_seed(seed, slug):
    """Seed of a market: the first six bytes of SHA-256 over run.seed, a blank and its slug."""
    digest = sha256(f"{seed} {slug}".encode()).digest()
    return sum(byte * 256 ** (5 - i) for i, byte in enumerate(digest[:6]))


def words(seed):
    """SplitMix64 (Steele, Lea and Flood 2014), behind its first word."""
    state = seed + STEP
    while True:
        state = (state + STEP) % WORDS
        word = state
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % WORDS
        word = (word ^ word >> 27) * 0x94D049BB133111EB % WORDS
        yield word ^ word >> 31


class DrawnDelays:
    """Constant delays, and those that are drawn of what was measured.

    Orders (and merges), cancels and replies of a market have a stream each, of seed 4 s + 1, 2, 3,
    and each message takes the next word of its stream as it is sent: the share of the samples that
    the word is of 2**64.

    Args:
        latency: Constants and samples.
        seed: Of the market.
    """

    NUMBERS = ("order", "cancel", "reply")

    def __init__(self, latency, seed):
        self._constants = {name: getattr(latency, f"{name}_ns") for name in self.NUMBERS}
        self._samples = {name: list(map(int, one)) for name, one in latency.measured.items()}
        self._words = {name: words(4 * seed + k) for k, name in enumerate(self.NUMBERS, 1)}

    def next_ns(self, name):
        """The delay of the message that is sent now."""
        samples = self._samples.get(name)
        if samples is None:
            return self._constants[name]
        return samples[next(self._words[name]) * len(samples) // WORDS]

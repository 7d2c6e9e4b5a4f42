"""How a run fails: by the invariant of FAILURES that did not hold."""


class Violated(AssertionError):
    """An invariant of FAILURES does not hold.

    Args:
        invariant: Its id, such as ``I11``.
        text: What was expected and what was found, with the numbers.
        now_ns: Virtual time.
    """

    def __init__(self, invariant: str, text: str, now_ns: int) -> None:
        super().__init__(f"{invariant} at {now_ns}: {text}")
        self.invariant = invariant
        self.text = text
        self.now_ns = now_ns

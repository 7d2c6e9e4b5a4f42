"""The venue's book hash: SHA-1 over the canonical text of a book.

Recipe and its evidence: protocol notes "Book hash" (read from the venue's client and checked on
recordings). The hash covers keys that the websocket leaves out, so the last trade price may have to
be found by trying ticks; all tries share one prefix, which is hashed once. Off the path: an
advisory check for tests, recorders and the local exchange, never a reason to stop quoting.
"""

from hashlib import sha1

from polymm._core.tolerant import json_fault
from polymm.errors import DecodeError

HEAD_KEYS = ("market", "asset_id", "timestamp", "hash")
TAIL_KEYS = ("min_order_size", "tick_size", "last_trade_price", "version")
# Each key with the text that its value stands behind.
cdef tuple HEAD_TEXTS = tuple((key, f'"{key}":"'.encode()) for key in HEAD_KEYS)
cdef tuple TAIL_TEXTS = tuple((key, f'"{key}":"'.encode()) for key in TAIL_KEYS)


cdef bytes text_behind(bytes message, bytes key):
    """Text value that follows a key, as received; None where the key is absent."""
    cdef Py_ssize_t start = message.find(key)
    if start < 0:
        return None
    start += len(key)
    return message[start:message.find(b'"', start)]


cdef bytes level_slice(bytes message):
    """Both sides as one slice, where they stand compact and next to each other; else None."""
    cdef Py_ssize_t start = message.find(b'"bids":[')
    cdef Py_ssize_t middle = message.find(b'],"asks":[', start)
    cdef Py_ssize_t stop
    if start < 0 or middle < 0:
        return None
    stop = message.find(b']', middle + 10)
    cdef bytes levels = message[start:stop + 1]
    return None if stop < 0 or b" " in levels or b"\\" in levels else levels


cdef bytes rebuilt_levels(dict parsed):
    """Both sides from the parsed message, for any order of keys and any spacing."""
    sides = []
    for name in ("bids", "asks"):
        try:
            levels = ",".join(
                f'{{"price":"{level["price"]}","size":"{level["size"]}"}}'
                for level in parsed[name]
            )
        except (KeyError, TypeError) as error:
            raise DecodeError(f"book must hold levels with price and size in {name}") from error
        sides.append(f'"{name}":[{levels}]')
    return ",".join(sides).encode()


cdef class BookText:
    """The hashed text of one `book` message, without the keys behind its levels.

    Args:
        message: One book object as received (websocket or REST), not an array.

    Attributes:
        claimed: The hash the message carries, 40 hexadecimal digits.

    Raises:
        DecodeError: The message is not a book object.
    """

    cdef readonly str claimed
    cdef object state
    cdef str neg_risk
    cdef dict own

    def __init__(self, bytes message not None):
        cdef bytes levels = level_slice(message)
        cdef bytes beside = message
        cdef Py_ssize_t start
        head = {}
        self.own = {}
        if levels is not None:
            # Nine tenths of a book are its levels: no key is looked for among them.
            start = message.find(b'"bids":[')
            beside = message[:start] + message[start + len(levels):]
            for texts, keys in ((head, HEAD_TEXTS), (self.own, TAIL_TEXTS)):
                for key, mark in keys:
                    text = text_behind(beside, mark)
                    if text is not None:
                        texts[key] = text.decode("utf-8", "replace")
        self.neg_risk = "true" if b'"neg_risk":true' in beside else "false"
        if len(head) < len(HEAD_KEYS):
            head = self._read(message)
            levels = rebuilt_levels(head)
        self.claimed = head["hash"]
        prefix = (
            f'{{"market":"{head["market"]}","asset_id":"{head["asset_id"]}",'
            f'"timestamp":"{head["timestamp"]}","hash":"",'
        )
        self.state = sha1(prefix.encode() + levels)

    cdef dict _read(self, bytes message):
        import orjson

        try:
            parsed = orjson.loads(message)
        except orjson.JSONDecodeError as error:
            raise json_fault("book", message, error.msg, error.pos) from error
        wanted = (*HEAD_KEYS, "bids", "asks")
        if not isinstance(parsed, dict) or any(key not in parsed for key in wanted):
            raise DecodeError(f"book must be an object with {', '.join(wanted)}")
        for key in TAIL_KEYS:
            if key in parsed:
                self.own[key] = parsed[key]
        self.neg_risk = "true" if parsed.get("neg_risk") is True else "false"
        return parsed

    def digest(self, *, str last_trade_price="", str tick_size="0.01", str min_order_size="5"):
        """Hash the book with these texts for the keys it does not carry itself.

        Returns:
            40 hexadecimal digits, to be compared with `claimed`.
        """
        own = self.own
        version = own.get("version")
        tail = (
            f',"min_order_size":"{own.get("min_order_size", min_order_size)}"'
            f',"tick_size":"{own.get("tick_size", tick_size)}","neg_risk":{self.neg_risk}'
            f',"last_trade_price":"{own.get("last_trade_price", last_trade_price)}"'
        )
        tail += "}" if version is None else f',"version":"{version}"}}'
        state = self.state.copy()
        state.update(tail.encode())
        return state.hexdigest()

    def find_last_trade(self, str guess="", *, bint is_alone=False):
        """Find the last trade price with which the hash reproduces.

        Args:
            guess: Text to try first, such as the one found for the market's previous book.
            is_alone: Try no other: whoever knows that there was no trade since.

        Returns:
            The price's text, "" for a market without trades, or None where nothing fits.
        """
        for tick_size in ("0.01", "0.001"):
            for text in _candidates(guess):
                if self.digest(last_trade_price=text, tick_size=tick_size) == self.claimed:
                    return text
                if is_alone or "last_trade_price" in self.own:
                    break
            if "tick_size" in self.own:
                break
        return None


def _candidates(str guess):
    """Texts of the last trade price, the likeliest first: the guess, its cents, then the rest."""
    yield guess
    cdef str decimals = guess[2:5].ljust(3, "0")
    cdef int centre = 500
    if guess.startswith("0.") and decimals.isdecimal() and decimals.isascii():
        centre = int(decimals)
    cdef int away
    for step in (10, 1):
        for away in range(step, 1000, step):
            if step == 1 and away % 10 == 0:
                continue
            for mils in (centre - away, centre + away):
                if 0 < mils < 1000:
                    yield f"0.{mils:03d}"
    yield ""

"""Whole messages out of one direction's bytes, for what stands between a client and a server."""


class Cutter:
    """Cuts one direction's bytes into whole messages: HTTP until an upgrade, then frames.

    Attributes:
        is_upgraded: Whether frames follow; set from outside once a 101 was seen.
    """

    def __init__(self) -> None:
        self.is_upgraded = False
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._bytes += data

    def next(self) -> bytes:
        """Give the next whole message, b"" where none is whole yet."""
        size = self._frame_size() if self.is_upgraded else self._http_size()
        if not size or len(self._bytes) < size:
            return b""
        message = bytes(self._bytes[:size])
        del self._bytes[:size]
        return message

    @property
    def rest(self) -> bytes:
        """What is no whole message."""
        return bytes(self._bytes)

    def _http_size(self) -> int:
        end = self._bytes.find(b"\r\n\r\n")
        if end < 0:
            return 0
        size = end + 4
        for line in bytes(self._bytes[:end]).lower().split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            assert name != b"transfer-encoding", "the proxy reads messages of a stated length"
            if name == b"content-length":
                size += int(value)
        return size

    def _frame_size(self) -> int:
        if len(self._bytes) < 2:
            return 0
        second = self._bytes[1]
        size, short = 2, second & 0x7F
        if short > 125:
            wide = 2 if short == 126 else 8
            if len(self._bytes) < 2 + wide:
                return 0
            short = int.from_bytes(self._bytes[2 : 2 + wide], "big")
            size += wide
        return size + (4 if second & 0x80 else 0) + short

from collections.abc import Callable

class Cutter:
    is_muted: bool
    is_ended: bool
    is_fragmented: bool
    def __init__(self, bytes_max: int) -> None: ...
    @property
    def stop(self) -> int: ...
    @property
    def need(self) -> int: ...
    def cut(
        self, data: bytes, pos: int, on_message: Callable[[bytes, int], object], recv_ns: int
    ) -> int: ...

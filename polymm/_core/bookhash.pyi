class BookText:
    claimed: str
    def __init__(self, message: bytes) -> None: ...
    def digest(
        self,
        *,
        last_trade_price: str = "",
        tick_size: str = "0.01",
        min_order_size: str = "5",
    ) -> str: ...
    def find_last_trade(self, guess: str = "", *, is_alone: bool = False) -> str | None: ...

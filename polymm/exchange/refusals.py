"""What the exchange says when it does not do as it was asked, word for word (rest notes 3)."""

from typing import NamedTuple

from polymm.exchange.flow_wire import PRICE_TEXTS, decimal_text


class Refusal(NamedTuple):
    """A request that changed nothing.

    Args:
        text: The venue's sentence, the value of ``error``.
        status: HTTP status.
        code: Machine-readable name where the venue sends one, else "".
        retry_after_s: Seconds until it makes sense to ask again, None where the venue is silent.
    """

    text: str
    status: int = 400
    code: str = ""
    retry_after_s: int | None = None


INVALID_PAYLOAD = Refusal("Invalid order payload")
INVALID_ORDER_ID = Refusal("Invalid orderID")
INVALID_ASSET_TYPE = Refusal("Invalid asset type")
INVALID_SIGNATURE_TYPE = Refusal("Invalid signature_type")
NOT_READY = Refusal("the market is not yet ready to process new orders")
INVALID_EXPIRATION = Refusal("invalid expiration")
POST_ONLY_CROSSES = Refusal("invalid post-only order: order crosses book")
FOK_NOT_FILLED = Refusal("order couldn't be fully filled. FOK orders are fully filled or killed.")
FAK_NO_MATCH = Refusal(
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no"
    " match is found."
)
NO_ORDERBOOK = Refusal("No orderbook exists for the requested token id", status=404)
ORDER_NOT_FOUND = Refusal("order not found", status=404)
ORDER_TIMED_OUT = Refusal("order timed out", status=500)
ORDER_UNKNOWN = Refusal("could not insert order", status=500)
TOO_MANY_REQUESTS = Refusal("Too Many Requests", status=429)
CANCEL_FAILED = Refusal("could not cancel orders", status=500)
RESTARTING = Refusal("service restarting", status=425)
CANCEL_ONLY = Refusal(
    "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
    status=503,
)
DISABLED = Refusal("Trading is currently disabled. Check polymarket.com for updates", status=503)

# Who asks, signs and pays (rest notes 2 and 3).
UNAUTHORIZED = Refusal("Unauthorized/Invalid api key", status=401)
INVALID_L1 = Refusal("Invalid L1 Request headers", status=401)
KEY_EXISTS = Refusal("Could not create api key")
NO_KEY = Refusal("Could not derive api key!")
KEY_NOT_FOUND = Refusal("api key not found", status=404)
NOT_OWNER = Refusal("the order owner has to be the owner of the API KEY")
NOT_SIGNER = Refusal("the order signer address has to be the address of the API KEY")
USE_DEPOSIT_WALLET = Refusal("maker address not allowed, please use the deposit wallet flow")
INVALID_SIGNATURE = Refusal("invalid signature")
VERSION_MISMATCH = Refusal("order_version_mismatch")

# Why an order is not cancelled; all of them are final.
CANCEL_NOT_FOUND = "Order not found or already canceled"
CANCEL_MATCHED = "Order already matched"
CANCEL_CANCELED = "already canceled or matched"
CANCEL_DELAYED = "order is delayed and cannot be canceled"


def too_many_orders(found: int, most: int) -> Refusal:
    """Refuse a batch of orders for its length."""
    return Refusal(f"Too many orders in payload: {found}, max allowed: {most}")


def too_many_cancels(most: int) -> Refusal:
    """Refuse a batch of cancels for its length."""
    return Refusal(f"Too many orders in payload, max allowed: {most}")


def post_only_mode(left_s: int) -> Refusal:
    """Refuse what is not post-only in the first minutes after a restart."""
    return Refusal(
        "post-only mode: only post-only orders and cancels are allowed",
        503,
        "post_only_mode",
        left_s,
    )


def banned(address: str) -> Refusal:
    """Refuse an account that may not trade."""
    return Refusal(f"'{address}' address banned")


def closed_only(address: str) -> Refusal:
    """Refuse to open anything for an account that may only close what it has."""
    return Refusal(f"'{address}' address in closed only mode")


def off_tick(order_id: str, price: str, tick_e4: int) -> Refusal:
    """Refuse a price off the grid or outside it; ``price`` as far as it can be written."""
    tick = PRICE_TEXTS[tick_e4]
    return Refusal(
        f"order {order_id} is invalid. Price ({price}) breaks minimum tick size rule: {tick}"
    )


def too_small(order_id: str, size_e6: int, min_e6: int) -> Refusal:
    """Refuse an order below the market's minimum."""
    size, least = decimal_text(size_e6, 6), decimal_text(min_e6, 6)
    return Refusal(f"order {order_id} is invalid. Size ({size}) lower than the minimum: {least}")


def too_cheap(amount_e6: int, min_e6: int) -> Refusal:
    """Refuse a taking buy of too few dollars."""
    amount, least = decimal_text(amount_e6, 6), decimal_text(min_e6, 6)
    return Refusal(f"invalid amount for a marketable BUY order (${amount}), min size: ${least}")


def duplicated(order_id: str) -> Refusal:
    """Refuse an order whose hash was seen before."""
    return Refusal(f"order {order_id} is invalid. Duplicated.")


def not_covered(balance_e6: int, amount_e6: int) -> Refusal:
    """Refuse what balance or allowance does not cover; the amounts in base units."""
    return Refusal(
        f"not enough balance / allowance: balance: {balance_e6}, order amount: {amount_e6}"
    )

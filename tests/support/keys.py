"""Keys and credentials for tests: those of the golden vectors, which never held money."""

import random
from typing import Any

from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey

# The first account of every hardhat chain.
HARDHAT = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
HARDHAT_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def signing_key(text: str = HARDHAT) -> SigningKey:
    return SigningKey(Secret(text))


def drawn_key(draw: random.Random) -> str:
    return f"0x{draw.randrange(1, 2**255):064x}"


def api_credentials(creds: dict[str, Any]) -> ApiCredentials:
    """From the names the venue gives them in its JSON."""
    return ApiCredentials(*(Secret(creds[name]) for name in ("apiKey", "secret", "passphrase")))

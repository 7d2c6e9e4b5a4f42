"""Environments of their own for other people's clients whose requirements do not fit into ours.

``POLYMM_CLIENT_PYTHON`` names an interpreter that has polymarket-client already. Without it one is
made from the package index, once, and kept (`benches.environment`).
"""

import os
import sys
from functools import cache

from benches.environment import interpreter

REQUIREMENT = "polymarket-client==0.14.0"


@cache
def polymarket_client() -> str:
    """Give the interpreter that has polymarket-client, making its environment if need be.

    Raises:
        EnvironmentMissingError: It could not be made; with what the installer said.
    """
    named = os.environ.get("POLYMM_CLIENT_PYTHON")
    return named or interpreter(REQUIREMENT.replace("==", "-"), REQUIREMENT)


if __name__ == "__main__":
    sys.stdout.write(f"{polymarket_client()}\n")

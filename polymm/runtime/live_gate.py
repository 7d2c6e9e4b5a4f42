"""Whether real orders may be sent: several conditions, none of them a default.

A missing one refuses and says which; nothing falls back to paper in silence. Today one of them
cannot be met by anybody, so that every attempt ends here, before a socket is opened.
"""

from collections.abc import Mapping
from typing import Final

from polymm.errors import CredentialError
from polymm.runtime.config_source import DEFAULT, LoadedConfig
from polymm.runtime.secrets import load_credentials

CONFIRMATION: Final = "send real orders with real money"
CONFIRMATION_VARIABLE: Final = "POLYMM_LIVE_CONFIRMATION"
# Limits that somebody must have set by hand, in a file, the environment or a flag.
LIMITS: Final = (
    "strategy.max_position",
    "cycle.max_total_position",
    "strategy.order_size",
    "risk.max_market",
    "risk.max_total",
    "risk.order_size_max",
    "risk.loss_max",
    "risk.markout_loss_max",
)


def missing_conditions(
    loaded: LoadedConfig, environ: Mapping[str, str], *, has_flag: bool
) -> list[str]:
    """List what of the gate's conditions is not met, one sentence each.

    Args:
        loaded: The configuration, with where each value came from.
        environ: For the confirmation and the key.
        has_flag: Whether it was asked for on the command line.
    """
    missing = []
    if not has_flag:
        missing.append("the flag --live is not given")
    if environ.get(CONFIRMATION_VARIABLE, "") != CONFIRMATION:
        missing.append(f"no confirmation: {CONFIRMATION_VARIABLE} must be exactly {CONFIRMATION!r}")
    missing.append("no clean `polymm doctor`: this version has no such verb")
    try:
        load_credentials(environ)
    except CredentialError as error:
        missing += [f"no key: {line}" for line in str(error).splitlines()]
    for key in LIMITS:
        if loaded.origins[key] == DEFAULT:
            missing.append(f"a limit is not set by hand: {key}")
    return missing

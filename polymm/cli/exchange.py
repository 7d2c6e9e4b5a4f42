"""``polymm exchange``: the local exchange alone, for any client."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polymm.cli.options import JsonOption

if TYPE_CHECKING:
    from polymm.exchange.server.settings import ServerSettings


def exchange(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 0,
    window: Annotated[
        int, typer.Option(metavar="SECONDS", help="Length of the windows.", min=1)
    ] = 300,
    coins: Annotated[str, typer.Option(metavar="NAME,...", help="One window of each.")] = "btc",
    seed: Annotated[int, typer.Option(help="Of prices, traders, ids and faults.", min=0)] = 0,
    tape: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Play a recording instead of synthetic traders."),
    ] = None,
    fund: Annotated[
        int, typer.Option(metavar="USD", help="Play money of each wallet of a new key.", min=0)
    ] = 10_000,
    pairs: Annotated[
        int, typer.Option(metavar="SHARES", help="Up and Down it gets of each window.", min=0)
    ] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=RATE", help="Switch on from the start; may be repeated."),
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other number, such as rules.mined_ms=200,500 or buckets.order_rate=0.",
        ),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve with a throw-away CA.")] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="End when standard input ends.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve a local exchange on loopback until Ctrl-C or SIGTERM.

    It speaks Polymarket's wire as of today: any client works against it once its hosts are set.
    A new key gets play money in all of its wallets. What goes wrong is switched on the control
    route while it runs: POST {"name": ..., "rate": ...} to the address ``control`` + /fault.
    """
    from polymm.research.recordings import open_tapes
    from polymm.runtime.exchange_process import serve_exchange

    tapes = [] if tape is None else open_tapes(tape)
    if tapes:
        market = tapes[0].market
        window = (market.end_ns - market.start_ns) // 1_000_000_000
    settings = settings_of(
        {
            "port": port,
            "seed": seed,
            "fund_e6": fund * 1_000_000,
            "pairs_e6": pairs * 1_000_000,
            "windows.length_s": window,
            "windows.coins": tuple(coin.strip() for coin in coins.split(",")),
        },
        assign or [],
    )
    rates = {name: rate_of(text, name) for name, text in map(pair_of, fault or [])}
    serve_exchange(
        settings,
        show_json if as_json else show_lines,
        tapes=tapes,
        faults=rates,
        tls=tls,
        with_parent=with_parent,
    )


def settings_of(flags: Mapping[str, object], assigned: list[str]) -> "ServerSettings":
    """Build settings from flags and ``--set``.

    Raises:
        UsageError: A name or value is wrong.
    """
    from polymm.errors import InputError, UsageError
    from polymm.exchange.server.settings import ServerSettings
    from polymm.runtime.assigning import assign, parse

    settings = ServerSettings()
    try:
        for name, value in flags.items():
            settings = assign(settings, name, value)
        for text in assigned:
            name, value_text = pair_of(text)
            settings = assign(settings, name, parse(settings, name, value_text))
    except InputError as error:
        raise UsageError(str(error)) from None
    return settings


def pair_of(text: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``."""
    name, found, value = text.partition("=")
    if not found or not name.strip() or not value.strip():
        raise typer.BadParameter(f"must be NAME=VALUE, was {text!r}")
    return name.strip(), value.strip()


def rate_of(text: str, name: str) -> float:
    """Read a rate."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"rate of {name} must be a number 0..1, was {text!r}") from None


def show_json(urls: Mapping[str, str]) -> None:
    """Print one line for programs."""
    import json
    import sys

    sys.stdout.write(json.dumps(dict(urls)) + "\n")
    sys.stdout.flush()


def show_lines(urls: Mapping[str, str]) -> None:
    """Print a line each for people."""
    import sys

    width = max(map(len, urls))
    for name, url in urls.items():
        sys.stdout.write(f"{name:<{width}}  {url}\n")
    sys.stdout.write("serving on this machine only; Ctrl-C ends\n")
    sys.stdout.flush()

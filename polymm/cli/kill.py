"""``polymm kill``, ``polymm cancel-all`` and ``polymm lift``: what a person does from outside."""

from pathlib import Path
from typing import Annotated

import typer

from polymm.cli.options import JsonOption
from polymm.errors import ConfigError, LedgerError


def kill(
    *,
    account: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Only the engine of this wallet.", show_default=False),
    ] = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="Wait so long for its end.", min=0.0)
    ] = 30.0,
) -> None:
    """Halt the engines of this user that run: no more orders, all are cancelled, exit with 42.

    The kill file stays where the engine keeps its state: while it is there no engine begins.
    """
    from polymm.runtime.account_lock import running_engines
    from polymm.runtime.kill_switch import throw, wait_ended

    found = [
        engine
        for engine in running_engines()
        if account is None or engine.account == account.lower()
    ]
    if not found:
        raise ConfigError("no engine of this user runs" + (f" for {account}" if account else ""))
    for engine in found:
        throw(engine)
        typer.echo(f"killed  process {engine.pid}, account {engine.account}")
    wait_ended(found, wait)


def cancel_all(
    *,
    exchange: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A local exchange, with --state.", show_default=False),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the key of play money is.", show_default=False),
    ] = None,
    wallet: Annotated[
        str, typer.Option(help="Kind of that key's wallet: eoa, proxy, safe or deposit.")
    ] = "deposit",
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="Try for so long.", min=0.0)
    ] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Cancel all orders of an account and prove it by two empty lists, without the engine.

    On Polymarket with the credentials of the environment, or on a local exchange with the key that
    a run has kept. Exits with 5 and the ids where some may be left. An engine that runs would place
    new ones: `polymm kill` ends it.
    """
    import asyncio
    import json
    import os

    from polymm.runtime.accounts import local_account, venue_account
    from polymm.runtime.cancel_all import cancel_everything

    if (exchange is None) != (state is None):
        raise typer.BadParameter("--exchange and --state belong together")
    if exchange is None or state is None:
        account = venue_account(os.environ)
    else:
        account = local_account(exchange, state, wallet)
    done = asyncio.run(
        cancel_everything(account.hosts, account.wallet, account.api, patience_s=wait)
    )
    if as_json:
        told = {"cancelled": done.orders, "left": done.left, "proven": done.is_proven}
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"cancelled  {len(done.orders)} orders")
    if not done.is_proven:
        lines = [f"not proven that nothing rests: {done.why}", *done.left]
        raise LedgerError("\n".join(lines))


def lift(
    *,
    state: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the run keeps its state.")],
    as_json: JsonOption = False,
) -> None:
    """Lift limits of losses that were reached: orders may add exposure again, counting is anew.

    Such a limit (loss, mark-outs, failed settlements) outlives process and day, so that no restart
    forgets it. Look at what happened first. No engine of the account may run.
    """
    import json
    import time
    from datetime import UTC, datetime

    from polymm.runtime.lifting import lift as lift_limits
    from polymm.runtime.state_folder import StateFolder

    lifted = lift_limits(StateFolder(state).journal, time.time_ns())
    if as_json:
        typer.echo(json.dumps({one.account: dict(one.limits) for one in lifted}))
        return
    for one in lifted:
        if not one.limits:
            typer.echo(f"nothing to lift  account {one.account}")
        for name, at_ns in one.limits:
            when = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
            typer.echo(
                f"lifted  {name}, reached {when:%Y-%m-%d %H:%M:%S} UTC, account {one.account}"
            )

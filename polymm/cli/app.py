"""The tree of verbs. Help is plain text: Rich would cost more than all the rest of the start."""

import typer

from polymm.cli import (
    backtest,
    bench,
    config,
    exchange,
    kill,
    record,
    replay,
    run,
    sweep,
    tape,
    version,
)
from polymm.cli.exits import MEANINGS

# Click keeps the lines of a paragraph that begins with this mark.
VERBATIM = "\b\n"

app = typer.Typer(
    help="Low-latency market maker for Polymarket's Up/Down windows.",
    epilog=VERBATIM + "Exit codes:\n" + "\n".join(f"  {c:>3}  {m}" for c, m in MEANINGS.items()),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("exchange")(exchange.exchange)
app.command("kill")(kill.kill)
app.command("cancel-all")(kill.cancel_all)
app.command("lift")(kill.lift)
app.command("record")(record.record)
app.command("replay")(replay.replay)
app.add_typer(tape.app, name="tape")
app.command("backtest")(backtest.backtest)
app.command("report")(backtest.report)
app.command("sweep")(sweep.sweep)
app.command("bench")(bench.bench)
app.add_typer(config.app, name="config")
app.command("version")(version.version)

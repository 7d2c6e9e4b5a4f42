"""The tree of verbs. Help is plain text: Rich would cost more than all the rest of the start."""

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from polymm.cli.exits import MEANINGS

# Click keeps the lines of a paragraph that begins with this mark.
VERBATIM: Final = "\b\n"

# Name: where it is, and what the list of verbs says of it; a test reads it against the verb's own.
VERBS: Final = {
    "run": (
        "run.run",
        "Trade the embedded exchange over loopback sockets in real time, settle, and report.",
    ),
    "exchange": (
        "exchange.exchange",
        "Serve a local exchange on loopback until Ctrl-C or SIGTERM.",
    ),
    "kill": (
        "kill.kill",
        "Halt the engines of this user that run: no more orders, all are cancelled, exit with 42.",
    ),
    "cancel-all": (
        "kill.cancel_all",
        "Cancel all orders of an account and prove it by two empty lists, without the engine.",
    ),
    "lift": (
        "kill.lift",
        "Lift limits of losses that were reached: orders may add exposure again, counting is anew.",
    ),
    "record": (
        "record.record",
        "Record the market channel, reference prices and, with credentials, the user channel.",
    ),
    "replay": (
        "replay.replay",
        "Make the decisions of a recorded run once more, from its bytes alone, and compare them.",
    ),
    "backtest": (
        "backtest.backtest",
        "Run the code that trades over tapes, under each queue model and once with stretched"
        " latency.",
    ),
    "report": (
        "backtest.report",
        "Show the report of a saved result again; of two, b minus a, market by market.",
    ),
    "sweep": (
        "sweep.sweep",
        "Search parameters over tapes: the configuration as it stands against many others.",
    ),
    "bench": (
        "bench.bench",
        "Measure polymm beside what you would use instead, on this machine, in one run.",
    ),
    "version": (
        "version.version",
        "Print the versions of polymm and of what it runs on.",
    ),
    "tape": (
        "tape.app",
        "Make packed tapes of recordings, inspect, verify and exchange them.",
    ),
    "config": (
        "config.app",
        "Show, check and write the configuration.",
    ),
}


def load(name: str) -> Any:
    """Load one verb and make its command, of a class that Typer keeps to itself."""
    module, _, attribute = VERBS[name][0].partition(".")
    verb = getattr(import_module(f"polymm.cli.{module}"), attribute)
    if isinstance(verb, typer.Typer):
        return typer.main.get_command(verb)
    tree = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    tree.command(name)(verb)
    return typer.main.get_command(tree)


class Verbs(TyperGroup):
    """Verbs that are loaded one at a time: a list of them needs no more than their names."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Find the verb that is asked for, and load it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name)), rest


def unloaded() -> None:
    """Stand for a verb in the list of them."""


app = typer.Typer(
    cls=Verbs,
    help="Low-latency market maker for Polymarket's Up/Down windows.",
    epilog=VERBATIM + "Exit codes:\n" + "\n".join(f"  {c:>3}  {m}" for c, m in MEANINGS.items()),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, (_, about) in VERBS.items():
    app.command(name, help=about)(unloaded)

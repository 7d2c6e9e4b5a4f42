"""``polymm version``."""

from typing import Annotated

import typer


def version(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Print the versions of polymm and of what it runs on."""
    import json
    import platform

    from polymm import __version__
    from polymm.runtime.built import engine_form

    facts = {
        "polymm": __version__,
        "engine": engine_form(),
        "python": platform.python_version(),
        "platform": f"{platform.system().lower()}-{platform.machine()}",
    }
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo("\n".join(f"{name} {value}" for name, value in facts.items()))

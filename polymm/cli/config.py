"""``polymm config``: look at the configuration, check one, write one, describe it to an editor."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polymm.cli.options import DEFAULT_NAME, ConfigOption, JsonOption

if TYPE_CHECKING:
    from polymm.runtime.config_source import LoadedConfig


app = typer.Typer(
    help="Show, check and write the configuration.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


def load(
    path: Path | None,
    flags: dict[str, tuple[str, object | None]] | None = None,
    *,
    needs_quoter: bool = True,
) -> "LoadedConfig":
    """Load what is in force for a verb; flags that were not given are None.

    Args:
        needs_quoter: False for a verb that trades nothing.

    Raises:
        ConfigError: One line for each fault.
    """
    import os

    from polymm.runtime.config_source import load_config

    if path is None and DEFAULT_NAME.is_file():
        path = DEFAULT_NAME
    given = {
        key: (name, value) for key, (name, value) in (flags or {}).items() if value is not None
    }
    return load_config(path, environ=os.environ, flags=given, needs_quoter=needs_quoter)


@app.command()
def show(path: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Print what is in force, with units, and where each value came from."""
    from polymm.runtime.config_text import in_force, in_force_json

    loaded = load(path, needs_quoter=False)
    typer.echo(in_force_json(loaded) if as_json else in_force(loaded))


@app.command()
def check(path: Annotated[Path, typer.Argument(help="TOML file.")] = DEFAULT_NAME) -> None:
    """Say whether a file is right; exit with 3 and one line for each fault if not.

    A quoter of your own is compiled.
    """
    from operator import index

    from polymm.runtime.config_source import load_config
    from polymm.runtime.user_quoter import user_quoter

    config = load_config(path).config
    index(user_quoter(config.strategy.quoter))
    typer.echo(f"{path}: ok, configuration hash {config.digest()}")


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = DEFAULT_NAME,
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Write a commented file that runs as it ships."""
    from polymm.errors import ConfigError
    from polymm.runtime.config_text import shipped_file

    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(shipped_file())
    except FileExistsError:
        raise ConfigError(f"{path}: already exists; --force writes over it") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    typer.echo(f"{path}: written; polymm run reads it when it stands in the folder of the run")


@app.command()
def schema() -> None:
    """Print the JSON schema of the file, for editors."""
    from polymm.runtime.config_text import schema as config_schema

    typer.echo(config_schema())

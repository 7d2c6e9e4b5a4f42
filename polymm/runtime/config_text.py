"""How configuration is shown: the commented file that ships, what is in force, the schema."""

import json
from typing import Any

from polymm.runtime.config import Config, allowed, facts, fields, sections, values
from polymm.runtime.config_source import LoadedConfig

HEADER = """\
# Configuration of polymm. Every value stands here with its default: the file runs as it ships.
# A value left out has its default. The environment (POLYMM__STRATEGY__ORDER_SIZE=5) wins over
# this file and flags win over both: `polymm config show` tells what is in force.
# Secrets never stand here.
"""


def toml_value(value: object) -> str:
    """Write a number, a truth value or a text as TOML does (a JSON text is a TOML text)."""
    return json.dumps(value)


def shipped_file() -> str:
    """The commented TOML file of ``polymm config init``: all defaults, units and ranges."""
    lines = [HEADER]
    for section, model in sections().items():
        summary = (model.__doc__ or "").partition("\n")[0]
        lines += [f"[{section}]", f"# {summary}", ""]
        for key, field in model.model_fields.items():
            lines += [f"# {field.description}", f"# {sentence(allowed(field))}"]
            lines += [f"{key} = {toml_value(field.default)}", ""]
    return "\n".join(lines)


def sentence(text: str) -> str:
    """Make a phrase a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def in_force(loaded: LoadedConfig) -> str:
    """One line a value: key, value, unit, and where it came from."""
    rows = [
        (key, toml_value(value), str(facts(fields()[key]).get("unit", "")), loaded.origins[key])
        for key, value in values(loaded.config)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{key:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {origin}"
        for key, value, unit, origin in rows
    ]
    return "\n".join([*lines, f"\nconfiguration hash {loaded.config.digest()}"])


def in_force_json(loaded: LoadedConfig) -> str:
    """The same for programs."""
    table = {
        key: {
            "value": value,
            "unit": facts(fields()[key]).get("unit"),
            "origin": loaded.origins[key],
        }
        for key, value in values(loaded.config)
    }
    return json.dumps({"hash": loaded.config.digest(), "values": table}, indent=2)


def schema() -> str:
    """JSON schema of the file, for editors."""
    tree: dict[str, Any] = Config.model_json_schema()
    tree["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(tree, indent=2)

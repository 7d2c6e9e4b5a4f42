"""Configuration: documented defaults, ranges, where values come from, faults told in full."""

import json
import tomllib
from pathlib import Path

import pytest

from polymm.errors import ConfigError
from polymm.runtime.config import Config, allowed, fields, values
from polymm.runtime.config_source import load_config
from polymm.runtime.config_text import in_force, in_force_json, schema, shipped_file

# docs/strategy.md section 2: the defaults of the parameters, and those of the cycle.
DOCUMENTED = {
    "strategy.min_size": 5.0,
    "strategy.depth_lookback": 5,
    "strategy.min_spread": 0.002,
    "strategy.max_spread": 0.02,
    "strategy.spread": 0.01,
    "strategy.k_inv": 0.01,
    "strategy.k_imb": 0.005,
    "strategy.quote_min": 0.01,
    "strategy.quote_max": 0.99,
    "strategy.skip_skew": 0.7,
    "strategy.scale1_skew": 0.5,
    "strategy.scale1": 0.2,
    "strategy.scale2_skew": 0.3,
    "strategy.scale2": 0.5,
    "strategy.order_size": 1.0,
    "strategy.max_position": 5.0,
    "strategy.merge_threshold": 0.1,
    "strategy.inventory_sign": "prose",
    "strategy.skew_mode": "value",
    "strategy.ask_mode": "buy_complement",
    "strategy.thin_book": "fixed_spread",
    "cycle.cycle": "timer",
    "cycle.cycle_ms": 1000.0,
    "cycle.requote_ticks": 1,
    "cycle.requote_size_ratio": 0.2,
    "cycle.requote_interval_min_ms": 250.0,
    "cycle.early_exit": "pull",
    "cycle.max_total_position": 30.0,
    "cycle.min_price": 0.001,
    "cycle.max_price": 0.999,
    "cycle.safe_range_low": 0.01,
    "cycle.safe_range_high": 0.99,
    "venue.feed_latency_ms": 100.0,
    "venue.order_latency_ms": 50.0,
    "venue.cancel_latency_ms": 50.0,
    "venue.merge_delay_ms": 5000.0,
    "run.token_as": "up",
}


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "polymm.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def fault(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    return str(caught.value)


@pytest.mark.parametrize(("key", "value"), DOCUMENTED.items())
def test_default_is_the_documented_one(key: str, value: object) -> None:
    assert dict(values(Config()))[key] == value


def test_every_value_has_a_description_and_a_range_its_default_lies_in() -> None:
    for key, field in fields().items():
        assert field.description, key
        assert allowed(field), key
        assert dict(values(Config()))[key] == field.default
    Config.model_validate(Config().model_dump())


def test_nothing_given_is_all_defaults() -> None:
    loaded = load_config()
    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"default"}


def test_shipped_file_is_all_defaults_and_loads_as_it_ships(tmp_path: Path) -> None:
    loaded = load_config(written(tmp_path, shipped_file()))
    assert loaded.config == Config()
    assert "default" not in loaded.origins.values()


def test_shipped_file_states_unit_and_range_above_each_value() -> None:
    lines = shipped_file().splitlines()
    place = lines.index("order_size = 1.0")
    assert "(shares)" in lines[place - 1]
    assert "0.01..1000000" in lines[place - 1]
    assert max(map(len, lines)) <= 100


def test_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "")).config == Config()


def test_flag_wins_over_environment_over_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[run]\nseed = 2\nwindows = 2\n[strategy]\norder_size = 7\n")
    environ = {"POLYMM__RUN__SEED": "3", "POLYMM__RUN__WINDOWS": "3", "POLYMM_DATA": "/x"}
    loaded = load_config(path, environ=environ, flags={"run.seed": ("--seed", 4)})

    assert loaded.config.strategy.order_size == 7.0
    assert loaded.config.run.windows == 3
    assert loaded.config.run.seed == 4
    assert loaded.origins["strategy.order_size"] == f"file {path}"
    assert loaded.origins["run.windows"] == "env POLYMM__RUN__WINDOWS"
    assert loaded.origins["run.seed"] == "flag --seed"
    assert loaded.origins["run.window_s"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("STRATEGY__ORDER_SIZE", "5", "strategy.order_size", 5.0),
        ("STRATEGY__INVENTORY_SIGN", "literal", "strategy.inventory_sign", "literal"),
        ("STRATEGY__INVENTORY_SIGN", '"literal"', "strategy.inventory_sign", "literal"),
        ("CYCLE__MERGE", "false", "cycle.merge", False),
        ("REPORT__DIRECTORY", "out/runs", "report.directory", "out/runs"),
    ],
)
def test_environment_is_read_as_toml_or_as_a_bare_word(
    name: str, text: str, key: str, value: object
) -> None:
    loaded = load_config(environ={f"POLYMM__{name}": text})
    assert dict(values(loaded.config))[key] == value


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("[strategy]\nordersize = 3", "strategy.ordersize = 3", "strategy.order_size"),
        ("[strategy]\ncycle_ms = 9", "strategy.cycle_ms = 9", "cycle.cycle_ms"),
        ("order_size = 3", "order_size = 3", "strategy.order_size"),
        ("[cycle]\ncycle_s = 1", "cycle.cycle_s = 1", "cycle.cycle_ms"),
        ("[strategy]\norder_size_e6 = 1", "strategy.order_size_e6 = 1", "strategy.order_size"),
    ],
)
def test_unknown_key_names_the_nearest(tmp_path: Path, text: str, key: str, nearest: str) -> None:
    told = fault(tmp_path, text)
    assert f"unknown key {key}" in told
    assert f"the nearest is {nearest}" in told


def test_unknown_section_names_the_nearest_or_all(tmp_path: Path) -> None:
    told = fault(tmp_path, "[stratgy]\norder_size = 3")
    assert told.endswith("unknown section stratgy; the nearest is strategy")
    told = fault(tmp_path, "[wallet]\norder_size = 3")
    every = "strategy, cycle, venue, run, session, risk, safety, record, report"
    assert told.endswith(f"there are {every}")


@pytest.mark.parametrize(
    "text",
    [
        'private_key = "{secret}"',
        "private_key = {secret}",
        '[wallet]\nprivate_key = "{secret}"',
        '[strategy]\napi_secret = "{secret}"',
        '[strategy.wallet]\nfunder = "{secret}"',
        '[strategy]\norder_size = "{secret}"',
        '[strategy]\nfunder = "{secret}"',
        'strategy = "{secret}"',
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    secret = "0x" + "c0ffee42" * 8
    told = fault(tmp_path, text.format(secret=secret))
    assert "c0ffee42" not in told
    assert str(int(secret, 16)) not in told


@pytest.mark.parametrize(
    ("section", "line", "range_told", "value_told"),
    [
        ("strategy", "order_size = 0", "0.01..1000000 (shares)", "was 0"),
        ("strategy", "order_size = -1", "0.01..1000000 (shares)", "was -1"),
        ("strategy", "order_size = nan", "0.01..1000000 (shares)", "was nan"),
        ("strategy", "max_position = inf", "0.01..1000000 (shares)", "was inf"),
        ("strategy", "min_size = 0.0000001", "multiple of 0.000001", "was 1e-07"),
        ("strategy", "k_inv = '1 c'", "a number within 0..1 (dollars)", 'was "1 c"'),
        ("strategy", "min_spread = 2", "0..1 (dollars)", "was 2"),
        ("strategy", "depth_lookback = 2.5", "a whole number within 1..64 (levels)", "was 2.5"),
        ("strategy", "depth_lookback = true", "a whole number within 1..64 (levels)", "was true"),
        ("strategy", "inventory_sign = 'prosa'", '"prose", "literal"', 'was "prosa"'),
        ("cycle", "merge = 1", "true or false", "was 1"),
        ("cycle", "cycle_ms = '1s'", "1..60000 (ms)", 'was "1s"'),
        ("venue", "queue = 'none'", '"risk_averse", "prob", "both"', 'was "none"'),
        ("venue", "cash = [1]", "(dollars)", "was [1]"),
        ("venue", "order_latency_ms = 2000-01-01", "(ms)", "was datetime.date"),
        ("report", "directory = 3", "a text", "was 3"),
        ("run", "seed = 99999999999999999999999", "0..4294967295", "was 9999999999"),
    ],
)
def test_wrong_value_names_key_value_and_what_is_allowed(
    tmp_path: Path, section: str, line: str, range_told: str, value_told: str
) -> None:
    told = fault(tmp_path, f"[{section}]\n{line}\n")
    assert f"{section}.{line.split(' ')[0]} must be " in told
    assert range_told in told
    assert value_told in told
    assert "polymm.toml" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[strategy]\nmin_spread = 0.03", "strategy.min_spread"),
        ("[strategy]\nquote_min = 0.6\nquote_max = 0.6", "strategy.quote_min"),
        ("[strategy]\nscale1_skew = 0.2", "strategy.scale2_skew"),
        ("[cycle]\nmin_price = 0.9999", "cycle.min_price"),
        ("[cycle]\nsafe_range_low = 0.995", "cycle.safe_range_low"),
        ("[cycle]\ncycle_ms = 100", "cycle.requote_interval_min_ms"),
    ],
)
def test_values_that_contradict_each_other_are_told(tmp_path: Path, text: str, key: str) -> None:
    told = fault(tmp_path, text)
    assert f"{key} must be " in told
    assert "file " in told


def test_a_default_that_a_value_contradicts_is_told_where_the_value_stands(tmp_path: Path) -> None:
    told = fault(tmp_path, "[strategy]\nmax_spread = 0.001")
    assert told.startswith("file ")
    assert told.endswith(
        "strategy.min_spread must be at most strategy.max_spread, which is 0.001, "
        "was 0.002 (default)"
    )


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    told = fault(tmp_path, "[strategy]\norder_size = 0\nk_inf = 9\n[run]\nseed = -1\n[wun]\n")
    assert len(told.splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[strategy]\norder_size = \n", "line 2"),
        ("[strategy]\norder_size = 1\norder_size = 2\n", "line 3"),
        ("[strategy]\n[strategy]\n", "line 2"),
        ("[strategy", "not valid TOML"),
        ("[[strategy]]\n", "strategy must be a table of values"),
        (b"[strategy]\n# \xff\n", "byte 13 is not"),
        ("[run]\nseed = 1" + "0" * 5000, "not valid TOML"),
        ("[run]\nseed = " + "[" * 20_000, "not valid TOML"),
        ("\x00", "not valid TOML"),
    ],
)
def test_broken_file_is_told_with_its_place(tmp_path: Path, text: str | bytes, told: str) -> None:
    message = fault(tmp_path, text)
    assert told in message
    assert "polymm.toml" in message


def test_missing_file_and_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="must be a file"):
        load_config(tmp_path)


def test_unknown_environment_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"env POLYMM__RUN__SED: .*nearest is run\.seed"):
        load_config(environ={"POLYMM__RUN__SED": "3"})


def test_digest_changes_with_a_result_and_not_with_a_path(tmp_path: Path) -> None:
    base = load_config().config.digest()
    assert base == Config().digest()
    assert len(base) == 12
    assert load_config(environ={"POLYMM__RUN__SEED": "2"}).config.digest() != base
    assert load_config(environ={"POLYMM__REPORT__DIRECTORY": "x"}).config.digest() == base
    # A whole number and the same number with a point are one value.
    whole = load_config(written(tmp_path, "[strategy]\norder_size = 5\n")).config.digest()
    point = load_config(written(tmp_path, "[strategy]\norder_size = 5.0\n")).config.digest()
    assert whole == point != base


def test_in_force_shows_value_unit_and_origin() -> None:
    loaded = load_config(environ={"POLYMM__STRATEGY__ORDER_SIZE": "5"})
    line = next(x for x in in_force(loaded).splitlines() if x.startswith("strategy.order_size"))
    assert line.split() == [
        "strategy.order_size",
        "5.0",
        "shares",
        "env",
        "POLYMM__STRATEGY__ORDER_SIZE",
    ]
    table = json.loads(in_force_json(loaded))
    assert table["values"]["strategy.order_size"] == {
        "value": 5.0,
        "unit": "shares",
        "origin": "env POLYMM__STRATEGY__ORDER_SIZE",
    }
    assert table["hash"] == loaded.config.digest()


def test_schema_knows_every_key_with_its_unit() -> None:
    tree = json.loads(schema())
    text = tomllib.loads(shipped_file())
    for section, table in text.items():
        reference = tree["properties"][section]["$ref"].rpartition("/")[2]
        known = tree["$defs"][reference]["properties"]
        assert set(table) == set(known)
    order_size = tree["$defs"]["StrategySection"]["properties"]["order_size"]
    assert order_size["unit"] == "shares"
    assert order_size["minimum"] == 0.01

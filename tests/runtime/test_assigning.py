"""Values by dotted name."""

import pytest

from polymm.errors import InputError
from polymm.exchange.server.settings import ServerSettings
from polymm.runtime.assigning import assign, names_of, parse

SETTINGS = ServerSettings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "7", 7),
        ("rules.mined_ms", "10, 20", (10, 20)),
        ("rules.reads_chain_late", "true", True),
        ("windows.resolve_delay_ns", "5_000", 5000),
        ("windows.coins", "btc,eth,sol", ("btc", "eth", "sol")),
        ("buckets.tier", "gold", "gold"),
    ],
)
def test_a_text_is_read_as_what_stands_there(name: str, text: str, value: object) -> None:
    assert parse(SETTINGS, name, text) == value


def test_a_value_replaces_one_and_leaves_the_rest() -> None:
    changed = assign(SETTINGS, "rules.mined_ms", (1, 2))
    assert changed.rules.mined_ms == (1, 2)
    assert changed.rules.confirmed_ms == SETTINGS.rules.confirmed_ms
    assert SETTINGS.rules.mined_ms != (1, 2)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("rules.mined_m", "1,2", "did you mean mined_ms?"),
        ("rules", "1", "group of settings"),
        ("seed", "x", "seed must be a whole number, was 'x'"),
        ("seed.low", "1", "no such setting"),
        ("rules.mined_ms", "1", "must be 2 numbers, was '1'"),
        ("rules.reads_chain_late", "maybe", "must be true or false"),
        ("buckets.order_rate", "1.5", "must be a whole number"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says.replace("?", r"\?")):
        parse(SETTINGS, name, text)


def test_settings_that_refuse_a_value_say_so() -> None:
    with pytest.raises(InputError, match="mined_ms must be two times"):
        assign(SETTINGS, "rules.mined_ms", (2, 1))


def test_every_name_can_be_assigned() -> None:
    for name in names_of(SETTINGS):
        head: object = SETTINGS
        for part in name.split("."):
            head = getattr(head, part)
        assert assign(SETTINGS, name, head) == SETTINGS

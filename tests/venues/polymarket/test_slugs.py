"""Windows by arithmetic: names, neighbours, and slugs that are none of ours."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymm.domain.market import NS
from polymm.errors import InputError
from polymm.venues.polymarket.slugs import Window, length_label, next_windows, parse_slug, window_at

BTC = Window("btc", 300, 1_784_850_900)


@pytest.mark.parametrize(
    ("window", "slug"),
    [
        (BTC, "btc-updown-5m-1784850900"),
        (Window("eth", 900, 1_791_241_200), "eth-updown-15m-1791241200"),
        (Window("btc", 60, 60), "btc-updown-1m-60"),
        (Window("sol", 6, 12), "sol-updown-6s-12"),
        (Window("btc", 14_400, 0), "btc-updown-240m-0"),
    ],
)
def test_a_window_and_its_slug_name_each_other(window, slug):
    assert window.slug == slug
    assert parse_slug(slug) == window


def test_a_window_has_its_bounds_and_neighbours():
    assert (BTC.start_ns, BTC.end_ns) == (1_784_850_900 * NS, 1_784_851_200 * NS)
    assert BTC.later().slug == "btc-updown-5m-1784851200"
    assert BTC.later(2).later(-2) == BTC


def test_the_open_window_holds_the_time():
    for seed in range(200):
        rng = random.Random(seed)
        length_s = rng.choice([1, 6, 59, 60, 300, 900, 86_400])
        now_ns = rng.randrange(2 * 10**18)
        window = window_at("btc", length_s, now_ns)
        assert window.start_ns <= now_ns < window.end_ns, f"seed {seed}"
        assert window_at("btc", length_s, window.start_ns) == window, f"seed {seed}"
        assert window_at("btc", length_s, window.end_ns) == window.later(), f"seed {seed}"


def test_the_next_windows_follow_the_open_one_without_a_gap():
    windows = next_windows("btc", 300, BTC.end_ns - 1, 3)
    assert windows == tuple(BTC.later(later) for later in range(4))
    for one, other in pairwise(windows):
        assert one.end_ns == other.start_ns


@pytest.mark.parametrize("length_s", [0, -60, 61, 90, 86_460])
def test_a_length_is_whole_minutes_or_below_one(length_s):
    with pytest.raises(InputError, match="length must be"):
        length_label(length_s)
    with pytest.raises(InputError, match="length must be"):
        window_at("btc", length_s, 0)


@pytest.mark.parametrize(
    ("coin", "start_s", "found"),
    [
        ("BTC", 0, "coin"),
        ("b", 0, "coin"),
        ("b/c", 0, "coin"),
        ("btc", 1, "multiple"),
        ("btc", -300, "multiple"),
    ],
)
def test_a_window_that_cannot_be_is_refused(coin, start_s, found):
    with pytest.raises(InputError, match=found):
        Window(coin, 300, start_s)


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "btc-updown-5m-",
        "btc-updown-5m-1784850901",
        "btc-updown-05m-1784850900",
        "btc-updown-60s-1784850900",
        "btc-updown-5m-01784850900",
        "btc-updown-5m-１784850900",
        "btc-updown-5h-1784850900",
        "BTC-updown-5m-1784850900",
        "will-btc-updown-5m-1784850900",
        "btc-updown-5m-1784850900\n",
        "bitcoin-up-or-down-july-24-3am-et",
    ],
)
def test_another_slug_is_refused(slug):
    with pytest.raises(InputError):
        parse_slug(slug)


@given(
    st.text(max_size=40)
    | st.builds(
        "{}-updown-{}-{}".format,
        st.text("bt1C", max_size=4),
        st.text("06ms", max_size=4),
        st.integers(),
    )
)
def test_any_text_is_one_window_or_refused(text):
    try:
        window = parse_slug(text)
    except InputError:
        return
    assert window.slug == text

"""``polymm record`` as a user types it: what it hears, leaves behind and refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from polymm.errors import CredentialError
from polymm.research.recordings import open_tapes
from polymm.research.run_recording import Channel, open_run
from polymm.runtime.record_run import recorded_venue
from polymm.venues.polymarket.hosts import Hosts

Polymm = Callable[..., tuple[int, str, str]]


@pytest.mark.waits
def test_a_window_of_the_embedded_exchange_is_heard_to_its_winner(
    polymm: Polymm, tmp_path: Path
) -> None:
    code, out, err = polymm("record", "--window-s", "2", "--windows", "1", "--out", "rec", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["folder"] == "rec"
    run = open_run(tmp_path / "rec")
    assert (run.is_closed, run.gaps) == (True, [])
    assert {frame.channel for frame in run.frames()} == {
        Channel.NOTE,
        Channel.MARKET,
        Channel.RTDS,
    }
    assert len(run.files) > 1
    whole = open_tapes(tmp_path / "rec")[-1]
    assert whole.outcome is not None
    assert {name for name in whole.defects if name not in ("announcements", "keep_alives")} == set()
    code, _, err = polymm("record", "--out", "rec")
    assert code == 3
    assert "must be a new folder, holds files" in err


@pytest.mark.waits
def test_what_is_lost_for_want_of_room_is_said_by_the_code(polymm: Polymm) -> None:
    Path("polymm.toml").write_text("[record]\nreserve_mib = 1_000_000\n")
    code, out, _ = polymm("record", "--window-s", "2", "--windows", "1", "--out", "rec")
    assert code == 1
    assert "frames lost" in out


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--forever", "--windows", "2"), 2, "--windows has no meaning with --forever"),
        (("--exchange", "http://127.0.0.1:1", "--venue", "exchange"), 2, "no meaning with"),
        (("--exchange", "http://example.com:80"), 2, "an exchange must be an address like"),
        (("--exchange", "http://127.0.0.1:1", "--out", "x"), 4, "the venue must answer at"),
    ],
)
def test_what_makes_no_sense_is_refused(
    polymm: Polymm, arguments: tuple[str, ...], code: int, text: str
) -> None:
    found, _, err = polymm("record", *arguments)
    assert found == code
    assert text in " ".join(err.split())


def test_without_any_variable_there_is_no_user_channel() -> None:
    assert recorded_venue({"HOME": "/"}, is_real=True, exchange="") == (Hosts(), None)
    assert recorded_venue({}, is_real=False, exchange="") == (None, None)
    half = {"POLYMARKET_API_KEY": "00000000-0000-0000-0000-000000000000"}
    with pytest.raises(CredentialError, match="POLYMARKET_PRIVATE_KEY"):
        recorded_venue(half, is_real=True, exchange="")
    assert recorded_venue(half, is_real=False, exchange="") == (None, None)

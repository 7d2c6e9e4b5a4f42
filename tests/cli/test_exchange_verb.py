"""``polymm exchange`` as its users start it: a process, one JSON line, an end in order."""

import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVICES = {
    "clob", "ws_market", "ws_user", "gamma", "data", "relayer", "prices", "rtds", "rpc", "control"
}  # fmt: skip
Answer = tuple[int, str, str]


@contextmanager
def started(*flags: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """An exchange of its own, and the line it printed."""
    command = [sys.executable, "-m", "polymm", "exchange", "--json", *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def read(url: str, context: ssl.SSLContext | None = None) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=5, context=context) as reply:
        answer = json.load(reply)
    assert isinstance(answer, dict)
    return answer


def test_it_prints_one_line_serves_and_ends_in_order_on_sigterm() -> None:
    with started("--window", "60", "--coins", "btc,eth") as (process, urls):
        assert set(urls) == SERVICES
        windows = read(urls["control"])["windows"]
        assert isinstance(windows, list)
        assert {slug.rpartition("-")[0] for slug in windows} == {"btc-updown-1m", "eth-updown-1m"}
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=5)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_it_ends_with_its_parent_and_serves_over_tls_until_then() -> None:
    with started("--with-parent", "--tls", "--fault", "throttled=0.5") as (process, urls):
        assert urls["clob"].startswith("https://")
        assert urls["ws_market"].startswith("wss://")
        ca_path = Path(urls["ca"])
        trusting = ssl.create_default_context(cafile=ca_path)
        assert read(urls["control"], trusting)["faults"] == {"throttled": 0.5}
        _, errors = process.communicate(timeout=5)  # closes its standard input
    assert (process.returncode, errors) == (0, "")
    assert not ca_path.exists()


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--set", "rules.mined_m=1,2"], 2, "did you mean mined_ms?"),
        (["--set", "seed"], 2, "must be NAME=VALUE"),
        (["--fault", "throttled=often"], 2, "must be a number 0..1"),
        (["--window", "61"], 2, "length_s must be 1..59 or a multiple of 60, was 61"),
        (["--coins", "btc,btc"], 2, "coins must be different"),
        (["--tape", "no/such"], 1, "no/such"),
    ],
)
def test_what_it_cannot_use_it_names(
    polymm: Callable[..., Answer], flags: list[str], code: int, says: str
) -> None:
    found, _, errors = polymm("exchange", *flags)
    assert (found, says in " ".join(errors.split())) == (code, True), errors


def test_an_unknown_fault_and_a_taken_port_are_named() -> None:
    with started() as (_, urls):
        port = urls["clob"].rpartition(":")[2]
        for flags, code, says in ((["--fault", "nothing=1"], 2, "fault must be one of"),
                                  (["--port", port], 3, f"--port {port}: ")):  # fmt: skip
            ended = subprocess.run(
                [sys.executable, "-m", "polymm", "exchange", *flags],
                capture_output=True, text=True, timeout=20, check=False,
            )  # fmt: skip
            assert says in ended.stderr
            assert ended.returncode == code

"""Where the services are: the venue's own addresses, or the line of a local exchange."""

from dataclasses import fields

import pytest

from polymm.errors import InputError
from polymm.exchange.server.app import PATHS
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.hosts import Hosts

LINE = {name: f"http://127.0.0.1:5{path}" for name, (_, path) in PATHS.items()}


def test_a_local_exchange_is_every_service_and_the_site() -> None:
    hosts = Hosts.of(LINE)
    assert (hosts.clob, hosts.relayer) == ("http://127.0.0.1:5", "http://127.0.0.1:5/relayer")
    assert hosts.site == hosts.clob
    found = {getattr(hosts, field.name) for field in fields(hosts)}
    assert all(url.startswith("http://127.0.0.1:5") for url in found)


def test_the_real_services_are_the_wires() -> None:
    hosts = Hosts()
    assert (hosts.clob, hosts.site) == (wire.CLOB_URL, wire.SITE_URL)
    assert len({getattr(hosts, field.name) for field in fields(hosts)}) == len(fields(hosts))


@pytest.mark.parametrize("wrong", [{}, LINE | {"rpc": ""}, LINE | {"relayer": 5}])
def test_a_line_without_an_address_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="must be an address"):
        Hosts.of(wrong)


def test_a_local_exchange_is_found_by_its_address_alone() -> None:
    assert Hosts.at("http://127.0.0.1:5") == Hosts.of(
        {name: f"{kind}://127.0.0.1:5{path}" for name, (kind, path) in PATHS.items()}
    )
    assert Hosts.at("https://localhost:5/").ws_user == "wss://localhost:5/ws/user"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "127.0.0.1:5",
        "http://127.0.0.1",
        "http://127.0.0.1:x",
        "ftp://127.0.0.1:5",
        "http://[::1",
        "http://10.0.0.1:5",
        "https://clob.polymarket.com:443",
        "http://127.0.0.1.evil.example:5",
    ],
)
def test_play_money_goes_nowhere_but_to_this_machine(wrong: str) -> None:
    with pytest.raises(InputError, match=r"must be an address like http://127\.0\.0\.1:4321"):
        Hosts.at(wrong)

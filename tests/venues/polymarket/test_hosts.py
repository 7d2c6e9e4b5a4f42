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

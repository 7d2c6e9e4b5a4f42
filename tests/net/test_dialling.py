"""Connections that cannot be made: each says why, by kind, on either loop."""

import asyncio
import socket
import ssl
from typing import Any

import pytest

from polymm.errors import DialError, InputError, PolymmError
from polymm.net import dialling
from polymm.net.dialling import (
    DIAL_KINDS,
    Endpoint,
    connect_tcp,
    dial,
    dial_error,
    endpoint_of,
)
from tests.support.loopback import MS, SECOND, Stage, serving, trust, unused_port


async def fault(endpoint: Endpoint, timeout_ns: int = SECOND) -> DialError:
    with pytest.raises(DialError) as caught:
        await dial(asyncio.Protocol, endpoint, timeout_ns=timeout_ns)
    assert caught.value.kind in DIAL_KINDS
    assert str(endpoint.port) in str(caught.value)
    return caught.value


async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(*_: object) -> None: ...


def test_a_port_nobody_listens_on_is_refused(run: Stage) -> None:
    async def scene() -> None:
        assert (await fault(Endpoint("127.0.0.1", await unused_port()))).kind == "refused"

    run(scene())


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b"])
def test_a_name_that_can_be_no_hosts_is_dns(run: Stage, host: str) -> None:
    async def scene() -> None:
        assert (await fault(Endpoint(host, 1))).kind == "dns"

    run(scene())


def test_a_name_without_an_address_is_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    # The machine's resolver is not asked: without a network it may take seconds.
    async def gone(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def scene() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", gone)
        assert (await fault(Endpoint("no-such-host.invalid", 1))).kind == "dns"

    Stage("asyncio")(scene())


def test_an_address_that_swallows_everything_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialling, "ADDRESS_S", 0.005)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with serving(wait) as server:
            good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
            swallowing = (*good[:4], ("192.0.2.1", server.port))
            strange = (-1, *good[1:])

            async def found(*_: Any, **__: Any) -> Any:
                return [strange, swallowing, good]

            async def connect(sock: socket.socket, address: Any) -> None:
                if address[0] == "192.0.2.1":
                    await asyncio.sleep(60)
                await connect_truly(sock, address)

            connect_truly = loop.sock_connect
            monkeypatch.setattr(loop, "getaddrinfo", found)
            monkeypatch.setattr(loop, "sock_connect", connect)
            (await connect_tcp(Endpoint("two.example", server.port))).close()

    Stage("asyncio")(scene())


def test_a_certificate_of_a_stranger_is_refused(run: Stage) -> None:
    async def scene() -> None:
        async with serving(wait, tls=trust().stranger) as server:
            got = await fault(Endpoint("localhost", server.port, trust().client))
            assert got.kind == "certificate"

    run(scene())


def test_a_certificate_for_another_name_is_refused(run: Stage) -> None:
    async def scene() -> None:
        async with serving(wait, tls=trust().other_name) as server:
            got = await fault(Endpoint("localhost", server.port, trust().client))
            assert got.kind == "certificate"

    run(scene())


def test_a_peer_that_speaks_no_tls_is_named(run: Stage) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def scene() -> None:
        async with serving(talk) as server:
            got = await fault(Endpoint("localhost", server.port, trust().client))
            assert got.kind == "tls"

    run(scene())


def test_a_peer_that_hangs_up_in_the_handshake_is_named(run: Stage) -> None:
    async def scene() -> None:
        async with serving(hang_up) as server:
            got = await fault(Endpoint("localhost", server.port, trust().client))
            assert got.kind == "closed"

    run(scene())


def test_a_peer_that_freezes_in_the_handshake_times_out(run: Stage) -> None:
    async def scene() -> None:
        async with serving(wait) as server:
            got = await fault(Endpoint("localhost", server.port, trust().client), 5 * MS)
            assert got.kind == "timeout"

    run(scene())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(113, "No route to host"), "unreachable"),
        (TimeoutError(110, "Connection timed out"), "timeout"),
        (ConnectionResetError(104, "Connection reset by peer"), "closed"),
        (ConnectionResetError(), "closed"),
        (ssl.SSLError("wrong version number"), "tls"),
    ],
)
def test_errors_of_the_system_have_a_kind(error: Exception, kind: str) -> None:
    got = dial_error(error, Endpoint("host", 1))
    assert got.kind == kind
    assert isinstance(got, PolymmError)


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "is_secure"),
    [
        ("http://a.example/x?y", "a.example", 80, "a.example", False),
        ("https://a.example", "a.example", 443, "a.example", True),
        ("ws://127.0.0.1:81/ws", "127.0.0.1", 81, "127.0.0.1:81", False),
        ("wss://[::1]:444", "::1", 444, "[::1]:444", True),
        ("https://a.example:80", "a.example", 80, "a.example:80", True),
    ],
)
def test_an_endpoint_is_read_from_a_url(
    url: str, host: str, port: int, authority: str, is_secure: bool
) -> None:
    got = endpoint_of(url)
    assert (got.host, got.port, got.authority) == (host, port, authority)
    assert (got.tls is not None) == is_secure


@pytest.mark.parametrize(
    "url", ["", "a.example", "ftp://a", "http://", "http://a:99999", "ws:///x"]
)
def test_a_url_that_names_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        endpoint_of(url)

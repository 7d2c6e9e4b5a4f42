"""The exchange as a child: it serves while it is wanted and never stays behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import polymm
from polymm.errors import ConfigError
from polymm.runtime.embedded import embedded_exchange

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(polymm.__file__).parents[1])}

# A job in the background of a script is started with Ctrl-C ignored, and hands that on.
PARENT = """
import asyncio, signal
from polymm.runtime.embedded import embedded_exchange

async def main():
    async with embedded_exchange(["--window", "60"]) as child:
        print(child.pid, flush=True)
        await asyncio.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)
asyncio.run(main())
"""


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_gone(pid: int) -> None:
    last_s = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < last_s, "the exchange must end with its parent"
        time.sleep(0.01)


def test_it_serves_while_the_block_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])

    async def scene() -> int:
        async with asyncio.timeout(20), embedded_exchange(["--window", "60"]) as child:
            assert is_running(child.pid)
            assert child.hosts.clob.startswith("http://127.0.0.1:")
            host, port = child.hosts.clob.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return child.pid

    assert not is_running(asyncio.run(scene()))


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
    finally:
        parent.kill()
        parent.communicate()
    wait_gone(pid)


def test_a_ctrl_c_meets_the_parent_alone() -> None:
    """A terminal sends it to the whole group; orders must still be cancelled after it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert os.getpgid(pid) != os.getpgid(parent.pid)
        os.killpg(parent.pid, signal.SIGINT)
        parent.wait(20)
    finally:
        parent.kill()
        parent.communicate()
    wait_gone(pid)


def test_how_it_ended_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])

    async def scene(number: signal.Signals) -> str:
        async with asyncio.timeout(20), embedded_exchange(["--window", "60"]) as child:
            os.kill(child.pid, number)
            return await child.wait_end()

    assert asyncio.run(scene(signal.SIGKILL)).endswith("ended by signal 9")
    assert asyncio.run(scene(signal.SIGTERM)).endswith("ended with code 0")


def test_no_room_for_a_process_is_an_error_of_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    async def scene() -> None:
        async with embedded_exchange([]):
            raise AssertionError("nothing runs")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(ConfigError, match="cannot be started: Too many open files"):
        asyncio.run(scene())


def test_one_that_does_not_start_is_an_error_of_configuration(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])

    async def scene() -> None:
        async with asyncio.timeout(20), embedded_exchange(["--window", "90"]):
            raise AssertionError("a window of 90 s has no name")

    with pytest.raises(ConfigError, match="did not start"):
        asyncio.run(scene())
    assert "length_s must be" in capfd.readouterr().err

"""Recording what a run receives and does: every frame of every socket, and the engine's journal.

The path copies bytes into a block of memory and goes on; a thread compresses full blocks, and each
block half a second after the last one, and writes them. When it cannot keep up or the disk does not
take them, frames are lost, counted and told, and the run goes on.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polymm._core.blocks import Blocks, Tap
from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.errors import ConfigError
from polymm.research.market_record import market_record
from polymm.research.recording_format import Channel, make_note
from polymm.runtime.recording_writer import RecordingWriter

__all__ = ["Channel", "Recorder", "RecorderSettings"]

# What may wait for the disk; a websocket's largest message fits into one block.
BLOCKS: Final = 32
FULL_BYTES: Final = 1 << 20
BLOCK_BYTES: Final = FULL_BYTES + (4 << 20) + 64
POLL_S: Final = 0.1
# With the time that writing takes, less than a second is lost to kill -9.
FLUSH_S: Final = 0.5
JOIN_S_MAX: Final = 2.0
SOCKETS_MAX: Final = 1 << 16

OnMessage = Callable[[bytes, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """How much is kept of a run.

    Args:
        keep_bytes: When the files of a run hold more, its oldest ones go.
        reserve_bytes: Nothing is written that would leave less of the disk to others: the journal
            may not fail for the sake of a recording.
    """

    keep_bytes: int = 10 << 30
    reserve_bytes: int = 256 << 20


class Recorder:
    """Records one run.

    Args:
        folder: Of this run alone; made.
        clock_ns: The session's.
        facts: What the run says of itself, for whoever reads it.

    Attributes:
        blocks: What waits to be written.
        writer: Of the thread; to be looked at.

    Raises:
        ConfigError: The folder cannot be made, or is not empty.
    """

    def __init__(
        self,
        folder: Path,
        clock_ns: Callable[[], int],
        facts: Mapping[str, Any],
        settings: RecorderSettings | None = None,
    ) -> None:
        settings = settings or RecorderSettings()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise ConfigError(f"recording {folder}: must be a new folder, holds files")
        except OSError as error:
            raise ConfigError(f"recording {folder}: cannot be made: {error.strerror}") from None
        self.folder = folder
        self.blocks = Blocks(BLOCKS, BLOCK_BYTES, FULL_BYTES)
        self.writer = RecordingWriter(
            folder,
            self.blocks,
            keep_bytes=settings.keep_bytes,
            reserve_bytes=settings.reserve_bytes,
        )
        self._clock_ns = clock_ns
        self._facts = dict(facts)
        self._markets: dict[str, Market] = {}
        self._sockets: dict[int, dict[str, Any]] = {}
        self._sockets_n = 0
        self._window_ns = 0
        self._told_lost = 0
        self._was_failing = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def open(self) -> None:
        """Begin to write."""
        self.note("run", **self._facts)
        self._thread.start()

    def close(self) -> str:
        """Write everything and end; what is wrong, "" for nothing."""
        if not self._thread.is_alive():
            return ""
        self.note("end", frames=self.blocks.frames, lost=self.lost_frames)
        self._ending.set()
        self._thread.join(JOIN_S_MAX)
        if self._thread.is_alive():
            return "recorder: the disk does not answer, the last frames may be lost"
        return self.look()

    # What is recorded

    def tap(self, channel: Channel) -> "ChannelTap":
        """Stand before what a channel's sockets deliver."""
        return ChannelTap(self, channel)

    def journal(self, frames: bytes) -> None:
        """Record what the engine's journal has written."""
        self.blocks.put(self._clock_ns(), Channel.JOURNAL, 0, frames)

    def note(self, name: str, **facts: Any) -> None:
        """Record a word of our own."""
        self.blocks.put(self._clock_ns(), Channel.NOTE, 0, make_note(name, **facts))

    def add_market(self, market: Market) -> None:
        """Record the facts of a market, now and at the beginning of each file it lasts into."""
        if market.condition_id not in self._markets:
            self._markets[market.condition_id] = market
            self.note("market", market=market_record(market))

    def remove_market(self, market: Market, winner: Token | None) -> None:
        """Record how a market ended; None where nobody told."""
        if self._markets.pop(market.condition_id, None) is not None:
            name = None if winner is None else winner.name.lower()
            self.note("outcome", market=market.condition_id, winner=name)

    def _begin_window(self, start_ns: int) -> None:
        """Go on in a new file when another window than the last one has begun."""
        before, self._window_ns = self._window_ns, max(start_ns, self._window_ns)
        if not before or start_ns <= before:
            return
        self.blocks.end_file()
        self.note("run", **self._facts)
        for market in self._markets.values():
            self.note("market", market=market_record(market))
        for facts in self._sockets.values():
            self.note("socket", **facts)

    def _begin_socket(self, channel: Channel) -> int:
        self._sockets_n = self._sockets_n % (SOCKETS_MAX - 1) + 1
        return self._sockets_n

    # How it goes

    @property
    def lost_frames(self) -> int:
        """Frames that are missing, so far."""
        return self.blocks.lost_frames + self.writer.lost_frames

    def look(self, window_ns: int = 0) -> str:
        """Look after everything that time alone brings.

        Args:
            window_ns: Start of the window that is open: a later one than before begins a file.

        Returns:
            What people should be told since the last look, "" for nothing.
        """
        self._begin_window(window_ns)
        lost, failure = self.lost_frames, self.writer.failure
        is_failing = bool(failure) or lost > self._told_lost
        was_failing, self._was_failing = self._was_failing, is_failing
        self._told_lost = lost
        if is_failing and not was_failing:
            return f"recorder: frames are being lost: {failure or 'the writer does not keep up'}"
        if was_failing and not is_failing:
            return f"recorder: writes again; {lost:,} frames were lost so far"
        return ""

    def facts(self) -> dict[str, str]:
        """What a report should say."""
        writer = self.writer
        text = (
            f"{self.folder}: {writer.frames:,} frames, {writer.raw_bytes / 2**20:,.1f} MiB"
            f" in {writer.stored_bytes / 2**20:,.1f}, {writer.files:,} files"
        )
        if writer.removed_files:
            text += f", {writer.removed_files:,} of them removed to keep within the limit"
        if self.lost_frames:
            text += f"; {self.lost_frames:,} frames lost"
        return {"recording": text}

    # The thread

    def _run(self) -> None:
        due_s = time.monotonic() + FLUSH_S
        is_ending = False
        while not is_ending:
            is_ending = self._ending.wait(POLL_S)
            now_s = time.monotonic()
            is_due = now_s >= due_s
            if is_due:
                due_s = now_s + FLUSH_S
            if not is_ending:
                self.writer.work(is_due=is_due)
        self.writer.close()


class ChannelTap:
    """Stands before the sockets of one channel; a `polymm.venues.polymarket.link.SocketTap`."""

    def __init__(self, recorder: Recorder, channel: Channel) -> None:
        self._recorder = recorder
        self._channel = channel

    def begin(self, on_message: OnMessage) -> "TappedSocket":
        """Stand before one socket."""
        return TappedSocket(self._recorder, self._channel, on_message)


class TappedSocket:
    """One socket that is recorded.

    Attributes:
        take: Takes its payloads in place of ``on_message``.
    """

    def __init__(self, recorder: Recorder, channel: Channel, on_message: OnMessage) -> None:
        self._recorder = recorder
        self._channel = channel
        self._number = recorder._begin_socket(channel)
        self.take: OnMessage = Tap(recorder.blocks, channel, self._number, on_message).take

    def opened(self, url: str) -> None:
        """Note that it stands."""
        recorder, number = self._recorder, self._number
        facts = {"socket": number, "channel": self._channel.name.lower(), "url": url}
        recorder._sockets[number] = facts
        recorder.note("socket", **facts)

    def dropped(self, market: str) -> None:
        """Note that a market's book was asked for again, which no frame says."""
        self._recorder.note("book_dropped", socket=self._number, market=market)

    def ended(self, reason: str) -> None:
        """Note its end."""
        if self._recorder._sockets.pop(self._number, None) is not None:
            self._recorder.note("socket_end", socket=self._number, reason=reason)

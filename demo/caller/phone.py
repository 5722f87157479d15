"""One WebRTC call to a Pipecat bot, seen from the caller: sound out, RTVI messages in."""

import asyncio
import contextlib
import json
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole

from demo.caller.microphone import Microphone

_RTVI_VERSION = "2.2.0"
_PING_SECONDS = 1.0
# A bot that keeps up notices the caller's voice sooner, and the end of the turn.
_NOTICED_SECONDS = 1.0
_ENDED_SECONDS = 3.5
# Time for a slow bot to read what was sent before the caller hangs up.
_CATCH_UP_SECONDS = 5.0
# Silence in which the end of the caller's speech is detected.
_TAIL_SECONDS = 1.5


class Phone:
    """A telephone that knows when the bot speaks."""

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._microphone = Microphone()
        self._speaker = MediaBlackhole()
        self._messages: asyncio.Queue[str] = asyncio.Queue()
        self._open = asyncio.Event()
        self._channel = self._listen()
        self._pings: asyncio.Task[None] | None = None
        self._sparing: asyncio.Task[None] | None = None
        self._heard_since_line: set[str] = set()
        self._is_bot_slow = False

    def _listen(self) -> RTCDataChannel:
        self._connection.addTrack(self._microphone)
        self._connection.on("track", self._speaker.addTrack)
        channel = self._connection.createDataChannel("rtvi", ordered=True)
        channel.on("open", self._open.set)
        channel.on("message", self._on_message)
        return channel

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in filter(None, (self._pings, self._sparing)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._connection.close()

    async def offer(self) -> dict[str, str]:
        """Make the offer that the bot has to answer."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        description = self._connection.localDescription
        return {"sdp": description.sdp, "type": description.type}

    async def connect(self, answer: dict[str, Any]) -> None:
        """Connect with the bot's answer, and report to the bot that the caller is ready."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        await self._speaker.start()
        await self._open.wait()
        self._pings = asyncio.create_task(self._ping())
        about = {"version": _RTVI_VERSION, "about": {"library": "voice-metrics-demo"}}
        ready = {"label": "rtvi-ai", "type": "client-ready", "id": uuid.uuid4().hex[:8], "data": about}
        self._channel.send(json.dumps(ready))

    def say(self, recording: Path) -> None:
        """Play a recording to the bot."""
        self._heard_since_line.clear()
        self._microphone.play(recording)
        if self._sparing:
            self._sparing.cancel()
        self._sparing = asyncio.create_task(self._spare_slow_bot())

    async def stay(self, seconds: float) -> None:
        """Hold the line until this much sound went out, in seconds since the call began."""
        await self._microphone.reach(seconds)
        if self._is_bot_slow:
            self._microphone.rest()
            await asyncio.sleep(_CATCH_UP_SECONDS)

    async def hear(self, message: str) -> None:
        """Wait for an RTVI message, such as `bot-started-speaking`."""
        while await self._messages.get() != message:
            pass

    async def hear_in_time(self, message: str, seconds: float) -> bool:
        """Wait for an RTVI message; False if meanwhile the bot sends nothing at all for so many seconds."""
        heard = None
        while heard != message:
            try:
                heard = await asyncio.wait_for(self._messages.get(), seconds)
            except TimeoutError:
                return False
        return True

    async def _spare_slow_bot(self) -> None:
        """Rest behind a line, once the bot is slower than the caller's sound.

        Pipecat reads sound before words (1.14): on a machine too busy for both, silence keeps it from the transcript.
        """
        until_tail_ends = self._microphone.unsaid_seconds + _TAIL_SECONDS
        await asyncio.sleep(_NOTICED_SECONDS)
        self._is_bot_slow = self._is_bot_slow or "user-started-speaking" not in self._heard_since_line
        await asyncio.sleep(until_tail_ends - _NOTICED_SECONDS)
        if not self._is_bot_slow:
            await asyncio.sleep(_ENDED_SECONDS - _TAIL_SECONDS)
            self._is_bot_slow = "user-stopped-speaking" not in self._heard_since_line
        if self._is_bot_slow:
            self._microphone.rest()

    def _on_message(self, message: str) -> None:
        kind = json.loads(message).get("type", "")
        self._heard_since_line.add(kind)
        self._messages.put_nowait(kind)

    async def _ping(self) -> None:
        # Pipecat ends a call after 3 s without a message on this channel.
        while True:
            self._channel.send(f"ping: {time.time()}")
            await asyncio.sleep(_PING_SECONDS)

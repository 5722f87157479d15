"""Cartesia's speech over a websocket: text in, audio and word times out, one context for each answer."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from typing import Any

from aiohttp import WSMsgType, web

from demo.cloud.voice import Voice

_CHUNK_BYTES = 9600

Request = dict[str, Any]


class Cartesia:
    """The part of Cartesia's API that Pipecat's `CartesiaTTSService` uses.

    Args:
        voice: The synthesiser.
        engines: Where synthesis runs, off the event loop.
    """

    def __init__(self, voice: Voice, engines: Executor) -> None:
        self._voice = voice
        self._engines = engines

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Speak for one connection until it closes."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        contexts: dict[str, Context] = {}
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            name = asked["context_id"]
            if asked.get("cancel"):
                if context := contexts.pop(name, None):
                    context.cancel()
                continue
            if name not in contexts:
                contexts[name] = Context(socket, name, self._speak)
            contexts[name].say(asked)
        for context in contexts.values():
            context.cancel()
        return socket

    async def _speak(self, text: str, sample_rate: int) -> AsyncIterator[bytes]:
        loop, sentences = asyncio.get_running_loop(), self._voice.say(text, sample_rate)
        while (pcm := await loop.run_in_executor(self._engines, next, sentences, None)) is not None:
            yield pcm


class Context:
    """One answer: its transcripts are spoken in order, up to the one that says it is the last."""

    def __init__(self, socket: web.WebSocketResponse, name: str, speak: Any) -> None:
        self._socket = socket
        self._name = name
        self._speak = speak
        self._asked: asyncio.Queue[Request] = asyncio.Queue()
        self._spoken_seconds = 0.0
        self._task = asyncio.create_task(self._run())

    def say(self, asked: Request) -> None:
        """Speak a transcript after the earlier ones."""
        self._asked.put_nowait(asked)

    def cancel(self) -> None:
        """Stop speaking."""
        self._task.cancel()

    async def _run(self) -> None:
        asked = await self._asked.get()
        while asked["continue"]:
            await self._say(asked["transcript"].strip(), asked["output_format"]["sample_rate"])
            asked = await self._asked.get()
        await self._send({"type": "done", "done": True})

    async def _say(self, text: str, sample_rate: int) -> None:
        began = self._spoken_seconds
        async for pcm in self._speak(text, sample_rate):
            for start in range(0, len(pcm), _CHUNK_BYTES):
                data = base64.b64encode(pcm[start : start + _CHUNK_BYTES]).decode()
                await self._send({"type": "chunk", "done": False, "data": data})
            self._spoken_seconds += len(pcm) / 2 / sample_rate
        # Piper reports the beginning of a sentence but not of its words: each word gets its sentence's time.
        words = text.split()
        times = {"words": words, "start": [began] * len(words), "end": [self._spoken_seconds] * len(words)}
        await self._send({"type": "timestamps", "done": False, "word_timestamps": times})

    async def _send(self, message: Request) -> None:
        if not self._socket.closed:
            await self._socket.send_json(message | {"context_id": self._name})

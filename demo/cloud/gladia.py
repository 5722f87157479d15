"""Gladia's live transcription: a session by HTTP, then audio and transcripts over a websocket."""

import asyncio
import base64
import json
import uuid
from concurrent.futures import Executor
from typing import Any

from aiohttp import WSMsgType, web

from demo.cloud.ears import Ears
from demo.cloud.utterances import Utterances

# The caller pauses for up to 0.14 s inside a sentence.
_ENDPOINTING_SECONDS = 0.3


class Gladia:
    """The part of Gladia's API that Pipecat's `GladiaSTTService` uses.

    Args:
        ears: The recogniser.
        engines: Where recognition runs, off the event loop.
    """

    def __init__(self, ears: Ears, engines: Executor) -> None:
        self._ears = ears
        self._engines = engines
        self._sample_rates: dict[str, int] = {}

    async def begin(self, request: web.Request) -> web.Response:
        """Answer `POST /v2/live` with the address of a session."""
        wanted = await request.json()
        session = uuid.uuid4().hex
        self._sample_rates[session] = wanted["sample_rate"]
        url = f"ws://{request.host}/gladia/v2/live/{session}"
        return web.json_response({"id": session, "url": url}, status=201)

    async def live(self, request: web.Request) -> web.WebSocketResponse:
        """Hear one session until it stops recording or hangs up."""
        sample_rate = self._sample_rates.pop(request.match_info["session"], None)
        if sample_rate is None:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        utterances, received = Utterances(sample_rate, _ENDPOINTING_SECONDS), 0
        async with asyncio.TaskGroup() as transcripts:
            async for message in socket:
                heard: dict[str, Any] = json.loads(message.data) if message.type is WSMsgType.TEXT else {"type": None}
                if heard["type"] == "stop_recording":
                    break
                if heard["type"] != "audio_chunk" or not (pcm := base64.b64decode(heard["data"]["chunk"])):
                    continue
                await socket.send_json(_acknowledgement(received, received := received + len(pcm)))
                if utterance := utterances.add(pcm):
                    transcripts.create_task(self._transcribe(socket, utterance, sample_rate))
        await socket.close()
        return socket

    async def _transcribe(self, socket: web.WebSocketResponse, utterance: bytes, sample_rate: int) -> None:
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(self._engines, self._ears.hear, utterance, sample_rate)
        if text and not socket.closed:
            await socket.send_json(_transcript(text))


def _acknowledgement(start: int, end: int) -> dict[str, Any]:
    # Pipecat keeps audio until it is acknowledged.
    return {"type": "audio_chunk", "acknowledged": True, "data": {"byte_range": [start, end]}}


def _transcript(text: str) -> dict[str, Any]:
    return {"type": "transcript", "data": {"is_final": True, "utterance": {"text": text, "language": "en"}}}

"""Providers on loopback: one that speaks OpenAI's streaming protocol as its script says, a voice, one that refuses."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve


@dataclass(frozen=True)
class Answer:
    """What the provider does with one request.

    Parameters:
        words: What it writes, a chunk for each.
        status: HTTP status; a status of 400 or more refuses.
        usage: What it reports of usage, or `None` for a provider that reports none.
        functions: Functions that it calls instead of writing.
        model: The model that it says it ran.
    """

    words: tuple[str, ...] = ("Nine ", "o'clock.")
    status: int = 200
    usage: Mapping[str, Any] | None = None
    functions: tuple[str, ...] = ()
    model: str = "gpt-4.1-2025-04-14"


class Provider:
    """A provider on a free port of loopback, while it is entered.

    Args:
        method: HTTP method of the one route that it has.
        path: Path of that route.
        answer: Answers its requests.
        url: Address for the service under test, with `{port}`.

    Attributes:
        url: That address, once entered.
    """

    def __init__(
        self, method: str, path: str, answer: Callable[[web.Request], Awaitable[web.StreamResponse]], url: str
    ) -> None:
        self._app = web.Application()
        self._app.router.add_route(method, path, answer)
        self.url = url

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = self.url.format(port=self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


class RealtimeProvider:
    """A provider's WebSocket of JSON events on a free port of loopback, while it is entered.

    Attributes:
        url: Its address, once entered.
    """

    def __init__(self) -> None:
        self.url = ""
        self._line: ServerConnection | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(self._answer, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, line: ServerConnection) -> None:
        self._line = line
        await self.connected()
        async for message in line:
            await self.heard(json.loads(message)["type"])

    async def connected(self) -> None:
        """Begin a connection."""

    async def heard(self, kind: str) -> None:
        """Answer an event of the service."""

    async def tell(self, kind: str, **fields: Any) -> None:
        """Send an event in the latest connection."""
        assert self._line is not None
        await self._line.send(json.dumps({"type": kind, "event_id": "e", **fields}))


class Refusal(Provider):
    """Answers each WebSocket's handshake with a status.

    Args:
        status: HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__("GET", "/", self._refuse, "ws://127.0.0.1:{port}")
        self._status = status

    async def _refuse(self, request: web.Request) -> web.Response:
        return web.Response(status=self._status)


class FakeDeepgram(Provider):
    """Speaks Deepgram's protocol of a voice: 100 ms of silence for each text, after the client asks for them.

    Args:
        mute: True to give no audio.

    Attributes:
        characters: What it was sent.
        by_voice: What each voice was sent.
    """

    def __init__(self, *, mute: bool = False) -> None:
        super().__init__("GET", "/v1/speak", self._speak, "ws://127.0.0.1:{port}")
        self.by_voice: Counter[str] = Counter()
        self._mute = mute

    @property
    def characters(self) -> int:
        return self.by_voice.total()

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        texts = 0
        async for message in socket:
            match message.json():
                case {"type": "Speak", "text": text}:
                    self.by_voice[request.query["model"]] += len(text)
                    texts += 1
                case {"type": "Flush"}:
                    if not self._mute:
                        await socket.send_bytes(bytes(4800 * texts))
                    await socket.send_json({"type": "Flushed"})
                    texts = 0
                case {"type": "Close"}:
                    await socket.close()
        return socket


class FakeInworld(Provider):
    """Speaks Inworld's HTTP protocol of a voice: 20 ms of silence for each text, and more of it for ever after a "…".

    Attributes:
        texts: What it was sent.
    """

    def __init__(self) -> None:
        super().__init__("POST", "/voice", self._speak, "http://127.0.0.1:{port}/voice")
        self.texts: list[str] = []

    @property
    def characters(self) -> int:
        return len("".join(self.texts))

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        text = (await request.json())["text"]
        self.texts.append(text)
        stream = web.StreamResponse()
        await stream.prepare(request)
        line = json.dumps({"result": {"audioContent": base64.b64encode(bytes(960)).decode()}}) + "\n"
        await stream.write(line.encode())
        while text.endswith("…") and request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.02)
            with suppress(ConnectionError):
                await stream.write(line.encode())
        return stream


def _completion(answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(answer.words)}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    usage = None if answer.usage is None else dict(answer.usage)
    named = {"id": "c", "object": "chat.completion", "created": 1, "model": answer.model}
    return {**named, "choices": choices, "usage": usage}


class FakeAnswers(Provider):
    """Answers each POST to a path with the same JSON.

    Args:
        path: The path.
        body: The JSON.
    """

    def __init__(self, path: str, body: Mapping[str, Any]) -> None:
        super().__init__("POST", path, self._respond, "http://127.0.0.1:{port}")
        self._body = dict(body)

    async def _respond(self, request: web.Request) -> web.Response:
        return web.json_response(self._body)


class FakeOpenAI(Provider):
    """Serves `/v1/chat/completions`, streamed where the client asks for it; the last answer repeats.

    Args:
        answers: One for each request.
        path: Another path for it.
    """

    def __init__(self, *answers: Answer, path: str = "/v1/chat/completions") -> None:
        super().__init__("POST", path, self._chat, "http://127.0.0.1:{port}/v1")
        self._answers = answers
        self.requests: list[dict[str, Any]] = []

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        answer = self._answers[min(len(self.requests), len(self._answers) - 1)]
        self.requests.append(await request.json())
        if answer.status >= 400:
            body = {"error": {"message": "no", "code": "refused"}}
            return web.json_response(body, status=answer.status, headers={"x-should-retry": "false"})
        if not self.requests[-1].get("stream"):
            return web.json_response(_completion(answer))
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": answer.model}

        async def send(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> None:
            choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
            await stream.write(b"data: " + json.dumps({**chunk, "choices": choices, **more}).encode() + b"\n\n")

        for number, name in enumerate(answer.functions):
            function = {"name": name, "arguments": "{}"}
            call = {"index": number, "id": f"call_{number}", "type": "function", "function": function}
            await send({"role": "assistant", "tool_calls": [call]})
        for word in () if answer.functions else answer.words:
            await send({"role": "assistant", "content": word})
            await asyncio.sleep(0.01)
        await send({}, "tool_calls" if answer.functions else "stop")
        if answer.usage is not None:
            await send(None, usage=dict(answer.usage))
        await stream.write(b"data: [DONE]\n\n")
        return stream

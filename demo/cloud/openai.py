"""OpenAI's chat completions, streamed."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from demo.cloud.scripted_model import PrefixCache, Reply, prompt, reply

_FIRST_TOKEN_SECONDS = 0.3
_FIRST_TOKEN_CACHED_SECONDS = 0.15
_TOKENS_PER_SECOND = 80


class OpenAI:
    """The part of OpenAI's API that Pipecat's `OpenAILLMService` uses."""

    def __init__(self) -> None:
        self._cache = PrefixCache()

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v1/chat/completions` with a stream of chunks; the last one has the usage."""
        asked = await request.json()
        messages, tools = asked["messages"], asked.get("tools") or []
        written, answer = prompt(messages, tools), reply(messages, tools)
        cached = self._cache.cached_tokens(written)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        usual = _FIRST_TOKEN_CACHED_SECONDS if cached else _FIRST_TOKEN_SECONDS
        await asyncio.sleep(usual + answer.late_seconds)
        head = {"id": f"chatcmpl-{uuid.uuid4().hex[:12]}", "object": "chat.completion.chunk"} | {
            "created": int(time.time()),
            "model": asked["model"],
        }
        for choices in _choices(answer):
            await _send(response, head | {"choices": choices})
            await asyncio.sleep(1 / _TOKENS_PER_SECOND)
        await _send(response, head | {"choices": [], "usage": _usage(len(written), len(answer.tokens), cached)})
        await response.write(b"data: [DONE]\n\n")
        return response


async def _send(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _choices(answer: Reply) -> Iterator[list[dict[str, Any]]]:
    def choice(delta: dict[str, Any], finish_reason: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": finish_reason}]

    if answer.function is None:
        for token in answer.tokens:
            yield choice({"role": "assistant", "content": token})
        yield choice({}, "stop")
        return
    call = {"index": 0, "id": f"call_{uuid.uuid4().hex[:8]}", "type": "function"}
    yield choice({"role": "assistant", "tool_calls": [call | {"function": {"name": answer.function, "arguments": ""}}]})
    for token in answer.tokens:
        yield choice({"tool_calls": [{"index": 0, "function": {"arguments": token}}]})
    yield choice({}, "tool_calls")


def _usage(prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from openai import AsyncOpenAI

from .conftest import Cloud

SPEECH = (4000 * np.sin(np.arange(16_000) / 10)).astype(np.int16).tobytes()
FORMAT = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000}


async def chat(cloud: Cloud, text: str, **more: Any) -> tuple[str, str, Any]:
    """What OpenAI's own client makes of an answer: text, arguments of a function call, usage."""
    said, arguments, usage = "", "", None
    async with AsyncOpenAI(api_key="none", base_url=f"http://{cloud.host}/openai/v1") as client:
        messages: Any = [{"role": "user", "content": text}]
        options: Any = {"stream": True, "stream_options": {"include_usage": True}, **more}
        async for chunk in await client.chat.completions.create(model="scripted-demo", messages=messages, **options):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                said += choice.delta.content or ""
                arguments += "".join(call.function.arguments or "" for call in choice.delta.tool_calls or ())
    return said, arguments, usage


async def test_openai_streams_an_answer_and_its_usage(cloud: Cloud) -> None:
    said, arguments, usage = await chat(cloud, "When do you open?")
    assert said == "On Saturday we are open from noon until eleven."
    assert arguments == ""
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (6, 10, 16)


async def test_openai_streams_a_function_call(cloud: Cloud) -> None:
    function = {"name": "book_table", "parameters": {"type": "object", "properties": {}}}
    said, arguments, usage = await chat(
        cloud, "A table for six, please.", tools=[{"type": "function", "function": function}]
    )
    assert said == ""
    assert json.loads(arguments) == {"day": "Friday", "time": "seven", "people": 6}
    assert usage.completion_tokens == 23


async def test_gladia_transcribes_what_it_hears_and_acknowledges_it(cloud: Cloud) -> None:
    async with cloud.client.post(f"http://{cloud.host}/gladia/v2/live", json={"sample_rate": 16_000}) as response:
        session = await response.json()
    async with cloud.client.ws_connect(session["url"]) as socket:
        for pcm in (SPEECH, bytes(16_000)):
            await socket.send_json({"type": "audio_chunk", "data": {"chunk": base64.b64encode(pcm).decode()}})
        acknowledged = [(await socket.receive_json(timeout=60))["data"]["byte_range"] for _ in range(2)]
        transcript = await socket.receive_json(timeout=60)
        await socket.send_json({"type": "stop_recording"})
    assert acknowledged == [[0, 32_000], [32_000, 48_000]]
    assert transcript["data"]["utterance"]["text"] == "What are your opening hours on Saturday?"


async def test_gladia_knows_no_session_that_it_did_not_begin(cloud: Cloud) -> None:
    async with cloud.client.get(f"http://{cloud.host}/gladia/v2/live/unknown") as response:
        assert response.status == 404


async def test_cartesia_speaks_in_order_and_times_every_word_once(cloud: Cloud) -> None:
    async with cloud.client.ws_connect(f"http://{cloud.host}/cartesia/tts/websocket") as socket:
        for text, goes_on in (("Hello you.", True), ("How are you?", True), ("", False)):
            await socket.send_json(
                {"context_id": "a", "transcript": text, "continue": goes_on, "output_format": FORMAT}
            )
        messages = [await socket.receive_json(timeout=60)]
        while messages[-1]["type"] != "done":
            messages.append(await socket.receive_json(timeout=60))
    times = [message["word_timestamps"] for message in messages if message["type"] == "timestamps"]
    audio = b"".join(base64.b64decode(message["data"]) for message in messages if message["type"] == "chunk")
    assert [word for sentence in times for word in sentence["words"]] == ["Hello", "you.", "How", "are", "you?"]
    assert [sentence["start"][0] for sentence in times] == [0.0, 0.65]
    assert len(audio) == (15_600 + 18_720) * 2
    assert {message["context_id"] for message in messages} == {"a"}


async def test_cartesia_falls_silent_when_cancelled(cloud: Cloud) -> None:
    async with cloud.client.ws_connect(f"http://{cloud.host}/cartesia/tts/websocket") as socket:
        say = {"transcript": "Hello.", "output_format": FORMAT}
        await socket.send_json({**say, "context_id": "a", "continue": True})
        assert (await socket.receive_json(timeout=60))["context_id"] == "a"
        await socket.send_json({"context_id": "a", "cancel": True})
        await socket.send_json({**say, "context_id": "b", "continue": True})
        await socket.send_json({"transcript": "", "context_id": "b", "continue": False})
        while (message := await socket.receive_json(timeout=60))["type"] != "done":
            pass
    assert message["context_id"] == "b"

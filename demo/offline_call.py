"""The offline call, with the start and end of its processes."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pipecat.runner.types import RunnerArguments, SmallWebRTCRunnerArguments
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from demo import attach_observers, stand_in
from demo.child import Child
from demo.demo_error import DemoError
from demo.log import keep_readable
from demo.loopback import stay_on_loopback
from demo.progress import say
from voice_metrics.settings.environment import Settings

_OFFER_SECONDS = 90.0
# Longer than one wait of the caller, which says what it waited for.
_CALL_SECONDS = 400.0
_GOODBYE_SECONDS = 20.0
_CLEANUP_SECONDS = 20.0
_LOOK_SECONDS = 0.5
# Exit codes; a shell reports 130 for Ctrl-C.
_OK, _FAILED, _STOPPED = 0, 1, 130

Bot = Callable[[RunnerArguments], Awaitable[None]]


def hold_call(bot: Bot, *, record: Path | None = None, engine: str = "real") -> int:
    """Hold one call between the bot and the demo's caller, with no network.

    Args:
        bot: The bot, as Pipecat's runner would start it.
        record: File for each metrics frame as a JSON line; `None` writes nothing.
        engine: `real` for Moonshine and Piper, `canned` for neither.

    Returns:
        Exit code; 0 if the call reached its goodbye.
    """
    keep_readable()
    say("demo", "offline: a scripted caller and model; Moonshine hears, Piper speaks, all on 127.0.0.1")
    try:
        if engine == "real":
            say("demo", stand_in.LOADING)
        with stand_in.stand_in(engine) as cloud, _caller() as caller:
            stand_in.use(os.environ, cloud.expect("ready", stand_in.START_SECONDS)["port"])
            _attach_observers(record)
            asyncio.run(_hold(bot, cloud, caller))
            _log_where_to_look()
            return _OK
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _STOPPED


def _caller() -> Child:
    return Child("the caller", "demo.caller", on_event=lambda event: say("caller", event["text"]))


def _log_where_to_look() -> None:
    if Settings.from_environment(os.environ).ledger is not None:
        command = os.path.relpath(Path(sys.executable).with_name("voice-metrics"))
        say("demo", f"look at this call in your browser: {command} serve")


def _attach_observers(record: Path | None) -> None:
    named = os.environ.get("PIPECAT_SETUP_FILES")
    os.environ["PIPECAT_SETUP_FILES"] = os.pathsep.join([*filter(None, [named]), attach_observers.__file__])
    if record:
        os.environ[attach_observers.RECORD] = str(record.resolve())


async def _hold(bot: Bot, cloud: Child, caller: Child) -> None:
    stay_on_loopback()
    offer = await asyncio.to_thread(caller.expect, "offer", _OFFER_SECONDS)
    connection = SmallWebRTCConnection()
    await connection.initialize(offer["sdp"], offer["type"])
    answer: dict[str, Any] | None = connection.get_answer()  # type: ignore[no-untyped-call]
    if answer is None:
        raise DemoError("the bot has no answer to the caller's offer")
    caller.send(sdp=answer["sdp"], type=answer["type"])
    runner_args = SmallWebRTCRunnerArguments(webrtc_connection=connection)
    runner_args.handle_sigterm = True
    call = asyncio.ensure_future(bot(runner_args))
    try:
        await _wait(call, cloud, caller)
    finally:
        # Wait for Pipecat's clean-up of a cancelled call.
        call.cancel()
        await asyncio.wait({call}, timeout=_CLEANUP_SECONDS)
    cloud.check()
    await asyncio.to_thread(caller.expect, "hung up", _GOODBYE_SECONDS)
    call.result()


async def _wait(call: asyncio.Future[None], *children: Child) -> None:
    deadline = time.monotonic() + _CALL_SECONDS
    while not call.done() and not any(child.ended for child in children):
        if time.monotonic() > deadline:
            raise DemoError(f"the call did not end within {_CALL_SECONDS:g} s")
        await asyncio.wait({call}, timeout=_LOOK_SECONDS)
    # The caller hangs up first, and the bot's end takes a moment.
    await asyncio.wait({call}, timeout=_GOODBYE_SECONDS)

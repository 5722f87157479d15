"""Runs the stand-in as a process, `python -m demo.cloud`, until its standard input closes."""

import argparse
import asyncio
import sys

from demo.caller.lines import LINES
from demo.cloud.ears import Canned, Ears, Moonshine
from demo.cloud.one_port import application, listen
from demo.cloud.voice import Piper, Tone, Voice
from demo.lifeline import Lifeline, fail


def _engines(kind: str) -> tuple[Ears, Voice]:
    if kind == "canned":
        return Canned([line.text for line in LINES]), Tone()
    ears, voice = Moonshine(), Piper()
    # The first run of a model is slower than the others.
    ears.hear(b"".join(voice.say("Ready.", 16_000)), 16_000)
    return ears, voice


async def _serve(port: int, kind: str) -> int:
    lifeline = Lifeline()
    try:
        taken = await listen(application(*await asyncio.to_thread(_engines, kind)), port)
    except ModuleNotFoundError as error:
        return fail(f"{error.name} is not installed; `uv sync` installs what the demo needs")
    except OSError as error:
        return fail(f"cannot listen on 127.0.0.1:{port}: {error.strerror}")
    lifeline.send("ready", port=taken)
    await asyncio.Event().wait()
    return 0


def main() -> int:
    """Run the stand-in until its standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m demo.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--engine", choices=["real", "canned"], default="real", help="canned: no models")
    arguments = parser.parse_args()
    return asyncio.run(_serve(arguments.port, arguments.engine))


if __name__ == "__main__":
    sys.exit(main())

"""The page at `/call` from which a browser rings the bot.

Pipecat's own client loads a part of itself from the internet; this page is complete.
"""

import argparse
import contextlib
import os
import socket
import sys
from pathlib import Path

from fastapi.responses import FileResponse

# Importing the runner overrides the environment with `.env`, so import it before the stand-in sets its values.
from pipecat.runner.run import app
from pipecat.runner.run import main as run_development_runner

from demo import stand_in
from demo.demo_error import DemoError
from voice_metrics import instrument_server

_PAGE = Path(__file__).parent / "call.html"


def wait_for_browsers(parser: argparse.ArgumentParser, *, offline: bool) -> int:
    """Serve the page until Ctrl-C and return the exit code.

    Args:
        parser: The command line, to which Pipecat's development runner adds its own options.
        offline: True to use the stand-in in place of the cloud.
    """
    host, port = _address()
    try:
        _check_free(host, port)
        with contextlib.ExitStack() as running:
            if offline:
                print(stand_in.LOADING.capitalize(), flush=True)
                cloud = running.enter_context(stand_in.stand_in())
                stand_in.use(os.environ, cloud.expect("ready", stand_in.START_SECONDS)["port"])
            app.add_api_route("/call", _page, include_in_schema=False)
            instrument_server(app)
            print(f"The bot waits for your call at http://{host}:{port}/call", flush=True)
            run_development_runner(parser)
    except DemoError as error:
        print(f"bot.py: {error}", file=sys.stderr)
        return 1
    return 0


async def _page() -> FileResponse:
    return FileResponse(_PAGE)


def _address() -> tuple[str, int]:
    runner = argparse.ArgumentParser(add_help=False)
    runner.add_argument("--host", default="localhost")
    runner.add_argument("--port", type=int, default=7860)
    arguments, _ = runner.parse_known_args()
    return arguments.host, arguments.port


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        # As uvicorn does: without it a recently used port looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DemoError(f"cannot listen on {host}:{port}: {error.strerror} (`--port` takes another one)") from None

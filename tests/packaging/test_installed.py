"""The wheel in an empty environment, with the oldest and the newest dependencies that it allows."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Distributions, run

pytestmark = [pytest.mark.installs, pytest.mark.timeout(400)]

SHORT_CALL = Path(__file__).with_name("short_call.py")
InEnvironment = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", params=["lowest-direct", "highest"], ids=["oldest", "newest"])
def environment(
    request: pytest.FixtureRequest, uv: str, built: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An environment with the wheel and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp(request.param)
    run(uv, "venv", "--quiet", "--python", "3.11", folder / "venv")
    options = ("--quiet", "--resolution", request.param, "--python", folder / "venv")
    # Pipecat 1.3 imports websockets with its services without asking for it; the plug-in does not.
    run(uv, "pip", "install", *options, f"pipecat-voice-metrics @ {built.wheel.as_uri()}", cwd=folder)
    return folder / "venv"


@pytest.fixture
def inside(environment: Path, tmp_path: Path) -> InEnvironment:
    """Runs a program of the environment, far from the checkout, with a home of its own."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def inside(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [environment / "bin" / program, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
            env=outside | {"HOME": str(tmp_path), "VOICE_METRICS_DB": str(tmp_path / "calls.db")},
        )

    return inside


def test_a_call_is_measured_summed_up_and_kept(inside: InEnvironment) -> None:
    done = inside("python", SHORT_CALL)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["call_id"], told["end_reason"], told["exported"]) == ("first-call", "completed", None)
    assert (told["llm"]["requests"], told["llm"]["total_tokens"]) == (2, 84)
    assert (told["ttfb"]["count"], told["errors"], told["dropped"]) == (2, 0, 0)
    assert told["ttfb"]["min_ms"] >= 20
    assert "Call first-call" in done.stderr
    assert "2 requests" in done.stderr or "84 = 60 prompt + 24 completion" in done.stderr
    listed = json.loads(inside("voice-metrics", "calls", "--json").stdout)
    assert [call["call_id"] for call in listed] == ["first-call"]


def test_no_test_or_demo_is_installed(environment: Path) -> None:
    (packages,) = (environment / "lib").glob("python*/site-packages")
    assert {path.name for path in packages.glob("voice_metrics*")} == {"voice_metrics"}
    assert not any(
        (packages / name).exists() for name in ("tests", "testbed", "demo", "benchmarks", "scripts", "bot.py")
    )
    assert not (packages / "playwright").exists()


def test_importing_the_package_warns_of_nothing(inside: InEnvironment) -> None:
    done = inside("python", "-W", "error", "-c", "import voice_metrics; print(voice_metrics.__file__)")
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(done.stdout.strip()).is_relative_to(ROOT)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("voice-metrics", "--help"), id="help"),
        pytest.param(("python", "-m", "voice_metrics", "--version"), id="version"),
        pytest.param(("voice-metrics", "setup-file"), id="setup-file"),
        pytest.param(("voice-metrics", "dashboard"), id="dashboard"),
        pytest.param(("voice-metrics", "alerts"), id="alerts"),
        pytest.param(("voice-metrics", "prices", "gpt-4.1"), id="prices"),
    ],
)
def test_commands_work_without_a_development_dependency(inside: InEnvironment, arguments: tuple[str, ...]) -> None:
    done = inside(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()

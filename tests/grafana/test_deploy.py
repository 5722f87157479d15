"""What lies in deploy/ is well formed, refers to what exists, and its bot ends its call when it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize("file", sorted(DEPLOY.rglob("*.yaml")), ids=lambda file: str(file.relative_to(DEPLOY)))
def test_yaml_is_well_formed(file: Path):
    assert yaml.safe_load(file.read_text())


def test_what_the_local_container_mounts_exists():
    service = yaml.safe_load((DEPLOY / "local" / "compose.yaml").read_text())["services"]["grafana"]
    sources = [volume.split(":")[0] for volume in service["volumes"] if volume.startswith(".")]
    assert all((DEPLOY / "local" / source).exists() for source in sources)
    assert {"dashboard.json", "alerts.yml"} <= {path.name for path in (DEPLOY / "local" / sources[0]).iterdir()}


def test_every_part_of_the_collectors_pipelines_is_configured():
    config = yaml.safe_load((DEPLOY / "collector" / "config.yaml").read_text())
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(config[kind])
    assert set(config["service"]["extensions"]) == set(config["extensions"])


def test_the_containers_bot_ends_its_call_on_sigterm():
    environ = {**os.environ, "VOICE_METRICS_DB": "off"}
    with subprocess.Popen(
        [sys.executable, str(DEPLOY / "container" / "bot.py")], env=environ, stderr=subprocess.PIPE, text=True
    ) as bot:
        assert bot.stderr
        said = []
        for line in bot.stderr:
            said.append(line)
            if "reached the end of the pipeline, pipeline is now ready" in line:
                bot.send_signal(signal.SIGTERM)
        assert bot.wait(20) == 0, "".join(said)
    assert any("cancelled" in line and "Call " in line for line in said), "".join(said)


def test_the_containers_command_is_no_shell():
    lines = (DEPLOY / "container" / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith(("CMD", "ENTRYPOINT"))] == [
        'ENTRYPOINT ["tini", "--"]',
        'CMD ["python", "bot.py"]',
    ]

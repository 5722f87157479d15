"""Files in deploy/ are well formed and refer to existing things, and its bot ends its call on SIGTERM."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "container" / "Dockerfile"
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]


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


def of_kubernetes(kind: str) -> dict:
    """The specification of the only item of a kind in the fleet's file."""
    items = yaml.safe_load((DEPLOY / "fleet" / "kubernetes.yaml").read_text())["items"]
    (found,) = [item for item in items if item["kind"] == kind]
    return found


def test_kubernetes_gives_the_gateway_what_its_configuration_needs():
    config = (DEPLOY / "fleet" / "gateway.yaml").read_text()
    (collector,) = of_kubernetes("StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert {variable["name"] for variable in collector["env"]} == set(re.findall(r"\$\{env:(\w+)\}", config))
    for port in ("4318", "8888", "13133"):
        assert port in config
        assert port in str(collector)


def test_kubernetes_bots_send_to_the_gateway_and_are_those_that_keda_scales():
    bots, gateway = of_kubernetes("Deployment"), of_kubernetes("Service")
    (bot,) = bots["spec"]["template"]["spec"]["containers"]
    environ = {variable["name"]: variable["value"] for variable in bot["env"]}
    assert environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{gateway['metadata']['name']}:4318"
    keda = yaml.safe_load((DEPLOY / "fleet" / "keda.yaml").read_text())["spec"]
    assert keda["scaleTargetRef"]["name"] == bots["metadata"]["name"]
    assert all(f'job="{environ["OTEL_SERVICE_NAME"]}"' in each["metadata"]["query"] for each in keda["triggers"])


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
        assert bot.wait(60) == 0, "".join(said)
    assert any("cancelled" in line and "Call " in line for line in said), "".join(said)


def test_the_containers_command_is_no_shell():
    lines = DOCKERFILE.read_text().splitlines()
    assert [line for line in lines if line.startswith(("CMD", "ENTRYPOINT"))] == [
        'ENTRYPOINT ["tini", "--"]',
        'CMD ["python", "bot.py"]',
    ]


def sent(path: str) -> bool:
    """Whether a file of the clone is part of an image's context."""
    folders = [*Path(path).parents][:-1]
    # Docker's patterns begin at the top, unless they begin with `**/`.
    return not any(
        fnmatch(str(part), pattern) or (pattern.startswith("**/") and fnmatch(part.name, pattern[3:]))
        for pattern in IGNORED
        for part in (Path(path), *folders)
    )


def test_the_container_is_built_from_the_clone():
    build = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())["services"]["bot"]["build"]
    context = (DEPLOY / "container" / build["context"]).resolve()
    assert (context, context / build["dockerfile"]) == (ROOT, DOCKERFILE)
    copied = dict(re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE.read_text(), re.M))
    assert copied == {".": "/src", "deploy/container/bot.py": "."}


def test_the_container_installs_what_is_locked_by_version_and_hash():
    runs = [shlex.split(line) for line in re.findall(r"^RUN (.*[^\\])$", DOCKERFILE.read_text(), re.M)]
    pip, uv = [line for line in runs if line[0] != "apt-get"]
    assert {*pip} >= {"install", "--require-hashes", "/src/scripts/uv.txt"}
    assert {*uv} >= {"sync", "/src", "--locked", "--no-default-groups", "--no-editable"}
    named = [line.split()[0] for line in (ROOT / "scripts" / "uv.txt").read_text().splitlines() if "==" in line]
    assert [re.sub(r"==[\d.]+$", "", name) for name in named] == ["uv"]


@pytest.mark.parametrize(
    "path", [".env", "deploy/container/.env", "calls.db", "deploy/calls.db-wal", ".git/config", ".venv-oldest/bin/pip"]
)
def test_what_is_nobodys_business_stays_out_of_the_image(path: str):
    assert not sent(path)


def test_what_the_build_needs_is_sent():
    package = [
        path.relative_to(ROOT) for path in (ROOT / "voice_metrics").rglob("*") if "__pycache__" not in path.parts
    ]
    named = ("pyproject.toml", "uv.lock", "scripts/uv.txt", "README.md", "LICENSE", "deploy/container/bot.py")
    for path in (*named, *map(str, package)):
        assert (ROOT / path).exists()
        assert sent(path)

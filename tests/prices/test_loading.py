import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from voice_metrics.prices.loading import load
{before}
compiled = []
sys.addaudithook(lambda event, values: compiled.append(str(values[1])) if event == "compile" else None)
module = load("large.data")
import large.data
print(module is large.data, module.VALUE, module.__file__.endswith("data.py"))
print(any(name.endswith("data.py") for name in compiled))
print([type(finder).__name__ for finder in sys.meta_path if "Finder" == type(finder).__name__.strip("_")])
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "__init__.py").write_text("")
    (tmp_path / "large" / "data.py").write_text("VALUE = [42]\n")
    return tmp_path


def run(package: Path, before: str = "") -> list[str]:
    command = [sys.executable, "-B", "-c", PROGRAM.format(before=before), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_bytecode_another_process_compiles_the_module(package: Path) -> None:
    assert run(package) == ["True [42] True", "False", "[]"]


def test_with_bytecode_nothing_is_compiled(package: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(package)], check=True, timeout=60)
    assert run(package, "import subprocess; subprocess.run = None") == ["True [42] True", "False", "[]"]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("sys.executable = '/usr/sbin/uwsgi'", id="inside-a-server-that-embeds-python"),
        pytest.param("sys.executable = '/nowhere/python3'", id="without-an-interpreter"),
        pytest.param("sys.executable = None", id="with-an-unknown-interpreter"),
    ],
)
def test_where_no_other_process_can_it_is_imported_as_any_module(package: Path, before: str) -> None:
    assert run(package, before) == ["True [42] True", "True", "[]"]


def test_a_module_with_an_error_fails_as_any_import_does(package: Path) -> None:
    (package / "large" / "data.py").write_text("VALUE = 1 / 0\n")
    before = "\ntry:\n    load('large.data')\nexcept ZeroDivisionError:\n    print('as any')\n    raise SystemExit\n"
    assert run(package, before) == ["as any"]

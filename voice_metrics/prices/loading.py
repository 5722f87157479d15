"""Loads a price library's data without holding up the interpreter.

The data are Python modules of more than a megabyte. Where they have no bytecode, as in many containers, compiling
them holds the interpreter's lock, and with it every event loop of the process, for a fifth of a second; so another
process compiles them. Refuses to depend on that: whatever goes wrong, the module is imported as any other.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from loguru import logger

_TIMEOUT_SECONDS = 30.0
_COMPILE = (
    "import marshal, sys; path, optimize = sys.argv[1:]; source = open(path, 'rb').read();"
    "code = compile(source, path, 'exec', dont_inherit=True, optimize=int(optimize));"
    "sys.stdout.buffer.write(marshal.dumps(code))"
)


def load(name: str) -> ModuleType:
    """Import a large module; not for the thread of an event loop.

    Args:
        name: Its full name; its package is imported in the ordinary way.

    Returns:
        The module.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.origin is None or _has_bytecode(spec) or not _is_python(sys.executable):
        return import_module(name)
    try:
        code = _compiled_elsewhere(spec.origin)
    except Exception as fault:
        logger.debug("voice_metrics: {} is compiled in this process: {}", name, fault)
        return import_module(name)
    finder = _Finder(name, spec.origin, code)
    sys.meta_path.insert(0, finder)
    try:
        return import_module(name)
    finally:
        sys.meta_path.remove(finder)


def _has_bytecode(spec: ModuleSpec) -> bool:
    return spec.cached is not None and Path(spec.cached).exists()


def _is_python(executable: str | None) -> bool:
    # Inside a server that embeds Python it is the server, which would start once more.
    return Path(executable or "").name.startswith("python")


def _compiled_elsewhere(path: str) -> CodeType:
    command = [sys.executable, "-I", "-S", "-c", _COMPILE, path, str(sys.flags.optimize)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_TIMEOUT_SECONDS
    )
    code = marshal.loads(done.stdout)
    if not isinstance(code, CodeType):
        raise TypeError(f"{type(code).__name__} instead of code")
    return code


class _Finder(MetaPathFinder):
    """Finds one module, whose code is known."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        self._name = name
        self._loader = _Loader(name, path, code)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return spec_from_file_location(fullname, self._loader.path, loader=self._loader)


class _Loader(SourceFileLoader):
    """Loads a module from its code."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        return self._code

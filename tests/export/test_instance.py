"""The instance id of a process on a machine that has no way to hold it."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from voice_metrics.export.instance import instance_id


@pytest.mark.parametrize("code", [errno.EPERM, errno.EAFNOSUPPORT, errno.EMFILE], ids=errno.errorcode.get)
def test_id_that_cannot_be_held_is_taken_as_it_is_given(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket, "socket", refuse)
    assert instance_id("pod-7-in-a-sandbox", child=False) == "pod-7-in-a-sandbox"

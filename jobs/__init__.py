"""Services and jobs: the jars, the broker, the topics, the Flink cluster, and what runs on them. Flink is imported only here."""

import builtins
import sys

# In a worker of a real cluster pyflink replaces `print` by a method of its own. numba looks for `print` in the module that the
# method says it is from, does not find it, and cannot be imported any more. (In a mini-cluster workers are threads of ours.)
_worker = sys.modules.get(builtins.print.__module__)
if _worker is not None and not hasattr(_worker, "print"):
    setattr(_worker, "print", builtins.print)  # noqa: B010 - the module's type knows no such attribute

"""What runs: the pipeline, alone or in Flink, the services that it needs, and the checks before and after.

    services | pipeline < kafka | offline < flink < checks

The pipeline decides; the other rooms start services, move bytes and read back what was written. Flink is imported in `flink`
alone. May use `models`, `producers` and `tickproof`.
"""

import builtins
import sys

# In a worker of a real cluster pyflink replaces `print` by a method of its own. numba looks for `print` in the module that the
# method says it is from, does not find it, and cannot be imported any more. (In a mini-cluster workers are threads of ours.)
_worker = sys.modules.get(builtins.print.__module__)
if _worker is not None and not hasattr(_worker, "print"):
    setattr(_worker, "print", builtins.print)  # noqa: B010 - the module's type knows no such attribute

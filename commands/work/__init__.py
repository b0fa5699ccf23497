"""What verbs of one module do, once their options are read: a module a verb, imported by the verb's callback.

A verb's own module, such as `commands/scan.py`, holds its options and its help, so that `--help` takes no longer than to import
click. `run` gets the options by name, calls what decides, and prints text or JSON. Verbs that have a room have a `work.py` there;
verbs that only call one thing import it in their callback.

May use every package; verbs import it when they run.
"""

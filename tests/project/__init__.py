"""The project itself: set-up, locks, jars, commands, documents, container files, the cache of kernels, and the rooms.

Holds that what one file says of another is true: targets that documents name exist, every locked package has a hash and no
address, commands in compose files parse, a change in a reader compiles no kernel, each folder says what it decides.

May use `root`, the project's folder, and reads only what is checked in. `broker` and `prefix` where an example of the documents
runs.
"""

"""Services on this machine: Java, jars by their hashes, a Kafka broker, and processes that surely end.

Decides which Java and jars run, where they are kept, how a broker is configured and when it is ready, and how a child process is
ended however we die. Everything listens on loopback.

May use `tickproof.errors`. Knows nothing of ticks or jobs.
"""

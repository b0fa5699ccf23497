"""Services and jobs: the jars, the broker, the topics, the Flink cluster, and what runs on them. Flink is imported only here."""

"""What a job wrote, seen from its topics: whether anything was scored, or all that came became dead letters."""

from __future__ import annotations

from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from jobs.kafka.topics import partitions
from tickproof.errors import ServiceError

SCORED, DEAD_LETTERS = "ticks.scored", "ticks.dead-letters"
TIMEOUT_S = 30.0


class Ends(NamedTuple):
    """The next offsets of a run's topics, over all partitions; marks of transactions count among them."""

    scored: int
    dead_letters: int

    def only_dead_letters_since(self, before: Ends) -> bool:
        """Return whether dead letters were written since then, and nothing that is scored."""
        return self.dead_letters > before.dead_letters and self.scored == before.scored


def ends(brokers: str, prefix: str) -> Ends:
    """Return where the topics of a run end now.

    Raises
    ------
    ServiceError
        No broker answers.
    """
    client = Consumer({"bootstrap.servers": brokers, "group.id": "tickproof-outcome", "enable.auto.commit": False})
    try:
        counts = partitions(brokers, prefix, [SCORED, DEAD_LETTERS])
        found = {
            name: sum(
                client.get_watermark_offsets(TopicPartition(name, number), TIMEOUT_S)[1] for number in range(counts.get(name, 0))
            )
            for name in (prefix + SCORED, prefix + DEAD_LETTERS)
        }
    except KafkaException as error:
        raise ServiceError(f"{brokers}: the ends of topics cannot be read ({error.args[0].str()})") from error
    finally:
        client.close()
    return Ends(found[prefix + SCORED], found[prefix + DEAD_LETTERS])

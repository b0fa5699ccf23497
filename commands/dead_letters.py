"""`tickproof dead-letters`: payloads that could not be read, and why."""

from __future__ import annotations

import json
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import click

from commands.configuration import broker_options, read

if TYPE_CHECKING:
    from confluent_kafka import Message

TOPIC = "ticks.dead-letters"
CONNECT = "__connect.errors."


@click.command(name="dead-letters")
@broker_options
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Number of dead letters listed, the latest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(brokers: str | None, prefix: str | None, limit: int, as_json: bool) -> None:
    """List the dead letters: where each came from, its size, and the reason.

    \b
    Examples:
      tickproof dead-letters
      tickproof dead-letters --limit 1000 --json
    """
    from jobs.kafka.reader import Reader

    settings = read({"brokers": brokers, "prefix": prefix}).settings
    topic = settings.prefix + TOPIC
    last: deque[Message] = deque(maxlen=limit)
    stages: Counter[str] = Counter()
    with Reader(settings.brokers, [topic]) as reader:
        for batch in reader.read():
            last.extend(batch)
            stages.update(_said(message, "stage") for message in batch)
    rows = [_row(message) for message in last]
    if as_json:
        click.echo(
            json.dumps({"topic": topic, "total": stages.total(), "by_stage": dict(sorted(stages.items())), "dead_letters": rows})
        )
        return
    for row in rows:
        size = "tombstone" if row["bytes"] is None else f"{row['bytes']:,} bytes"
        key = "no key" if row["key"] is None else f"key {row['key']}"
        click.echo(f"{row['topic']} partition {row['partition']} offset {row['offset']}, {key}, {size}: {row['reason']}")
    shown = f", the last {len(rows)} are shown" if len(rows) < stages.total() else ""
    click.echo(f"{stages.total():,} dead letters in {topic}{shown}")


def _row(message: Message) -> dict[str, Any]:
    key, value = message.key(), message.value()
    return {
        "topic": _said(message, "topic"),
        "partition": int(_said(message, "partition") or -1),
        "offset": int(_said(message, "offset") or -1),
        "key": None if key is None else key.decode("utf-8", "backslashreplace"),
        "bytes": None if value is None else len(value),
        "stage": _said(message, "stage"),
        "exception": _said(message, "exception.class.name"),
        "reason": _said(message, "exception.message"),
    }


def _said(message: Message, name: str) -> str:
    from jobs.kafka.reader import headers_of

    return headers_of(message).get(CONNECT + name, b"").decode("utf-8", "backslashreplace")

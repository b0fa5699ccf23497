"""`tickproof settings`: the settings in force and where each comes from."""

from __future__ import annotations

import json

import click

from commands.configuration import read


@click.command(name="settings")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(as_json: bool) -> None:
    """Print the settings in force and where each comes from.

    A file tickproof.toml in the current folder overrides the defaults (TICKPROOF_SETTINGS names another file), environment
    variables such as TICKPROOF_BROKERS override the file, and a command's options override both. All errors are reported at once.

    \b
    Examples:
      tickproof settings
      TICKPROOF_BROKERS=10.0.0.7:9092 tickproof settings --json
    """
    from tickproof.settings import Settings

    effective = read()
    values = effective.settings.model_dump(mode="json")
    if as_json:
        rows = {name: {"value": value, "source": effective.sources[name]} for name, value in values.items()}
        click.echo(json.dumps({"settings": rows}))
        return
    for name, value in values.items():
        click.echo(f"{name:22} {'' if value is None else value!s:22} {effective.sources[name]}")
        click.echo(f"{'':22} {Settings.model_fields[name].description}")

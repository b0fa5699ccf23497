"""`tickproof docs`: write or check the reference pages."""

from __future__ import annotations

from pathlib import Path

import click

from commands.docs.pages import PAGES
from tickproof.errors import SettingsError


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs"),
    show_default=True,
    help="Folder of the pages; created if needed.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 if a page is missing or out of date.")
@click.pass_context
def command(ctx: click.Context, *, out: Path, check: bool) -> None:
    """Write the reference pages that are made from tables: codes, settings and recording formats.

    \b
    Examples:
      tickproof docs
      tickproof docs --check
      tickproof docs --out /tmp/pages
    """
    if not check:
        for name, page in PAGES.items():
            _write(out / name, page())
            click.echo(str(out / name))
        return
    stale = [name for name, page in PAGES.items() if _read(out / name) != page()]
    for name in stale:
        click.echo(f"{out / name}: missing or out of date; run `tickproof docs --out {out}`")
    if stale:
        ctx.exit(1)
    click.echo(f"{len(PAGES)} pages are up to date")


def _read(path: Path) -> str | None:
    """Return the text of a page; None if there is no such file.

    Raises
    ------
    SettingsError
        The file is there and cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingsError(f"docs: cannot read {path} ({error}); choose another --out") from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"docs: cannot write {path} ({error.strerror}); choose another --out") from error

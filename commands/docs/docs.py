"""`tickproof docs`: write or check the reference pages."""

from __future__ import annotations

from pathlib import Path

import click

from commands.options.tables import FILE
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
    """Write what is made from tables: the pages on codes, settings and recording formats, and the names that options offer.

    The names are written beside the program, wherever the pages go.

    \b
    Examples:
      tickproof docs
      tickproof docs --check
      tickproof docs --out /tmp/pages
    """
    from commands.docs import option_tables
    from commands.docs.pages import PAGES

    made = {out / name: page for name, page in PAGES.items()} | {FILE: option_tables.page}
    if not check:
        for path, page in made.items():
            _write(path, page())
            click.echo(str(path))
        return
    stale = [path for path, page in made.items() if _read(path) != page()]
    for path in stale:
        click.echo(f"{path}: missing or out of date; run `tickproof docs --out {out}`")
    if stale:
        ctx.exit(1)
    click.echo(f"{len(PAGES)} pages and the names of options are up to date")


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

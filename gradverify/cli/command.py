"""The group of commands, and the one place where what went wrong becomes an exit code."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from gradverify import __version__
from gradverify.cli.check import check
from gradverify.cli.exits import INTERNAL, INTERRUPTED, MISUSE, UNHEARD, Unheard
from gradverify.cli.experiment import experiment
from gradverify.cli.prove import prove


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gradverify", message="%(prog)s %(version)s")
def cli() -> None:
    """Tells whether a derivative written by hand is right."""


for command in (check, experiment, prove):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; whatever goes wrong is told in one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show ends no run
    try:
        code = cli.main(args=arguments, prog_name="gradverify", standalone_mode=False)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("gradverify: interrupted", err=True)
        code = INTERRUPTED
    except click.ClickException as misuse:
        misuse.show()
        code = MISUSE
    except (Unheard, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the last flush would complain
        code = UNHEARD
    except Exception as failure:
        code = _told(failure)
    sys.exit(code)


def _told(failure: Exception) -> int:
    """Misuse in its own words; anything else is an error of ours."""
    import traceback

    from gradverify._errors import GradverifyError
    from gradverify._render import clean

    if isinstance(failure, GradverifyError):
        click.echo(f"gradverify: {clean(str(failure))}", err=True)
        return MISUSE
    if os.environ.get("GRADVERIFY_TRACEBACK"):
        traceback.print_exception(failure)
    place = traceback.extract_tb(failure.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    click.echo(
        f"gradverify: an error of ours, {type(failure).__name__}: {clean(str(failure))} ({where}). "
        "Please report it; GRADVERIFY_TRACEBACK=1 shows all of it.",
        err=True,
    )
    return INTERNAL

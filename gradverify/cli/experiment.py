"""``gradverify experiment``: the verified network is trained on digits, and what happens is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gradverify.cli.exits import HOLDS
from gradverify.cli.options import REPORT, make_room, seed_of, write
from gradverify.cli.screen import Screen


@click.command(short_help="Train the verified network on digits, and draw what happens.")
@click.argument("name", type=click.Choice(["learning-rate", "weight-amplitude"]))
@click.option("--seed", default="0", show_default=True, help='A whole number, or "random"; always printed.')
@click.option("--epochs", type=click.IntRange(min=1), help="How long to train; the default shows the whole story.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the numbers there.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=REPORT, show_default=True,
              help="Where the figure goes.")  # fmt: skip
def experiment(name: str, seed: str, epochs: int | None, json_file: Path | None, output: Path) -> int:
    """Train the verified network on digits: three learning rates, or the weights' amplitude by layer."""
    import json

    from gradverify import experiments

    number, screen = seed_of(seed), Screen()
    make_room(output, "--output")
    if json_file is not None:
        make_room(json_file.parent, "--json")
    run: Any = getattr(experiments, name.replace("-", "_"))
    extra = {} if epochs is None else {"epochs": epochs}
    with screen.working() as show:
        result = run(seed=number, progress=lambda done, of, *_: show(f"epoch {done} of {of}"), **extra)
        path = output / f"{name}.png"
        result.figure(str(path))
    screen.line(str(result))
    screen.line(f"figure: {path}")
    if json_file is not None:
        write(json_file, json.dumps(result.to_json(), indent=1, sort_keys=True))
        screen.line(f"written: {json_file}")
    screen.line(f"seed {number}")
    return HOLDS

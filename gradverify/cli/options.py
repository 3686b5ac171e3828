"""Options that several commands share, read and refused in the same words."""

from __future__ import annotations

import os
from pathlib import Path

REPORT = "gradverify-report"


def make_room(folder: Path, option: str) -> None:
    """The folder, made if need be, before any work is done for what shall be written there."""
    from gradverify._errors import Misuse

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        raise Misuse(f"{option}: the folder {folder} cannot be made: {refusal.strerror}.") from None
    if not os.access(folder, os.W_OK):
        raise Misuse(f"{option}: nothing can be written to the folder {folder}.")


def seed_of(text: str) -> int:
    """The seed that was asked for; raises Misuse for anything but a whole number or "random"."""
    import secrets

    if text == "random":
        return secrets.randbelow(2**31)
    if not (text.isascii() and text.isdigit()):
        from gradverify._errors import Misuse

        raise Misuse(f'--seed {text}: give a whole number >= 0, or "random".')
    return int(text)


def write(path: Path, text: str) -> None:
    """The text in a file, whole or not at all."""
    from gradverify.embedded import write

    write(path, text + "\n")

"""The command line: ``gradverify check``, ``experiment`` and ``prove``; nothing heavy is loaded before it is needed."""

from gradverify.cli.command import cli, main
from gradverify.cli.exits import FAILS, HOLDS, INTERNAL, INTERRUPTED, MISUSE, NOTHING, UNDECIDED, UNHEARD

__all__ = ["FAILS", "HOLDS", "INTERNAL", "INTERRUPTED", "MISUSE", "NOTHING", "UNDECIDED", "UNHEARD", "cli", "main"]

"""What gradverify raises: misuse at once, a broken law only when a door is asked to raise."""

from __future__ import annotations


class GradverifyError(Exception):
    """Every error of ours is one of these."""


class Misuse(GradverifyError, ValueError):
    """The request itself cannot be carried out; the message says what was asked, what was found, and what to write."""


class LawBroken(GradverifyError, AssertionError):
    """A report that was required to hold FAILS."""


class NothingDecided(GradverifyError, AssertionError):
    """A report that was required to hold left a derivative UNDECIDED."""

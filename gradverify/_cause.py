"""A cause is why a derivative is wrong, in a word to sort by and a sentence to act on, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = {
    "sign": "the sign is wrong",
    "factor": "a constant factor is wrong",
    "count": "a count is off by one: n - 1 for n",
    "slight": "a small number is missing, misplaced, or rounded to fewer digits",
    "dropped": "an argument is taken for a constant",
    "term": "a term is missing, or one too many",
    "formula": "a factor of the local derivative is another function of the input",
    "transposed": "two axes are exchanged, or a matrix is used for its transpose",
    "moved": "the right numbers at other places",
    "mixed": "entries that have nothing to do with each other are mixed: a wrong axis, one row of a batch in another",
    "broadcast": "a sum over an axis is missing, is one too many, or is a mean",
    "entry": "single entries are wrong",
    "part": "wrong in one part only: some rows or columns, a block, or every so-manyth entry",
    "edge": "wrong at the border or the tail only",
    "place": "off by one place, or the diagonal is left out",
    "duplicates": "of what repeated indices add the last only is kept (out[i] += g does that: np.add.at adds)",
    "first": "only the first of a batch counts",
    "mask": "a mask is missing, or inverted: something is claimed where the function stands still",
    "cotangent": "the cotangent is ignored, or does not enter linearly",
    "branch": "wrong on one side of a branch or kink only",
    "ties": "wrong only where entries tie, or stand at special values",
    "labels": "wrong only where labels are not one-hot",
    "range": "wrong only for large or tiny numbers: something overflows or underflows",
    "precision": "wrong in one type of numbers only",
    "convention": "right under another convention for complex numbers",
    "type": "the gradient has another type than its input",
    "shape": "the gradient has another shape than its input",
    "layout": "wrong only for arrays that lie in memory otherwise",
    "written": "an input or the cotangent is written to",
    "state": "something that an earlier call left is used",
    "random": "two calls with the same arguments differ",
    "raised": "the rule raises where the function answers",
}


@dataclass(frozen=True)
class Cause:
    """``kind`` is one of :data:`KINDS`, or empty where there is no simple pattern; ``says`` is the sentence.

    ``places`` are all the parts of the arguments that are wrong, as a user writes them, and ``outputs`` the parts of
    the value whose cotangents are answered wrongly; none where that is everything, or is not known.
    """

    kind: str
    says: str
    places: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

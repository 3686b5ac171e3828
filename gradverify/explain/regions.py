"""A set of entries as a user writes it: ``W1[3, 7]``, ``W1[5, :]``, ``x[900:]``, ``A[::2, 0]``."""

from __future__ import annotations

import itertools

import numpy as np

from gradverify._arrays import Array

LISTED = 12  # entries that are written one by one


def places(name: str, wrong: Array) -> tuple[str, ...]:
    """The entries that are marked, as slices of the array where they are, else one by one; none where too many."""
    if not wrong.any():
        return ()
    if wrong.all():
        return (name,)
    if product := _product(name, wrong):
        return product
    if wrong.ndim > 1 and (whole := _triangle(wrong)):
        return (f"{whole} of {name}",)
    by_rows = _rows(name, wrong) if wrong.ndim > 1 else ()
    if np.count_nonzero(wrong) <= LISTED:
        each = tuple(f"{name}[{', '.join(map(str, index))}]" for index in np.argwhere(wrong).tolist())
        return by_rows if by_rows and len(by_rows) < len(each) else each
    runs = tuple(f"{name}.ravel()[{run}]" for run in _slices(np.flatnonzero(wrong), wrong.size))
    if by_rows and len(runs) > 1:
        return by_rows
    return runs if len(runs) <= LISTED else ()


def _product(name: str, wrong: Array) -> tuple[str, ...]:
    """What is marked as slices along every axis, each with each; nothing where it is not that, or too many."""
    chosen = [
        np.flatnonzero(wrong.any(axis=tuple(k for k in range(wrong.ndim) if k != axis))) for axis in range(wrong.ndim)
    ]
    if np.prod([len(rows) for rows in chosen]) == np.count_nonzero(wrong):
        texts = [_slices(rows, size) for rows, size in zip(chosen, wrong.shape, strict=True)]
        if np.prod([len(several) for several in texts]) <= LISTED:
            return tuple(f"{name}[{', '.join(index)}]" for index in itertools.product(*texts))
    return ()


def _rows(name: str, wrong: Array) -> tuple[str, ...]:
    """What is marked along the first axis, part by part; nothing where that is too much to tell."""
    told: list[str] = []
    for row in np.flatnonzero(wrong.any(axis=tuple(range(1, wrong.ndim)))).tolist():
        one = np.zeros(wrong.shape, bool)
        one[row] = wrong[row]
        parts = _product(name, one)
        if not parts or len(told) + len(parts) > LISTED:
            return ()
        told += parts
    return tuple(told)


def listed(wrong: Array) -> bool:
    """Are these entries told one by one, or two that stand beside each other?"""
    return int(np.count_nonzero(wrong)) <= 2 or all("[" in place and ":" not in place for place in places("x", wrong))


def _slices(rows: Array, size: int) -> tuple[str, ...]:
    """Numbers along an axis as one slice where they have one step, else as their runs."""
    steps = np.diff(rows)
    if len(rows) > 2 and np.all(steps == steps[0]):
        return (_slice(rows, size),)
    return tuple(_slice(run, size) for run in np.split(rows, np.flatnonzero(steps > 1) + 1))


def _slice(rows: Array, size: int) -> str:
    """Numbers of one step as an index or a slice."""
    first, last = int(rows[0]), int(rows[-1])
    if len(rows) == 1:
        return str(first) if size > 1 else ":"
    step = int(rows[1] - rows[0])
    start = str(first) if first else ""
    stop = "" if last + step >= size else str(last + 1)
    return f"{start}:{stop}" + (f":{step}" if step > 1 else "")


def _triangle(wrong: Array) -> str:
    """Which triangle of the last two axes it is, or the diagonal."""
    shapes = {
        "the diagonal": (np.eye(*wrong.shape[-2:]) > 0),
        "the upper triangle": np.triu(np.ones(wrong.shape[-2:], bool), 1),
        "the lower triangle": np.tril(np.ones(wrong.shape[-2:], bool), -1),
        "all above the lower triangle": np.triu(np.ones(wrong.shape[-2:], bool)),
        "all below the upper triangle": np.tril(np.ones(wrong.shape[-2:], bool)),
        "all but the diagonal": ~(np.eye(*wrong.shape[-2:]) > 0),
    }
    return next((name for name, shape in shapes.items() if shape.sum() > 1 and np.all(wrong == shape)), "")

"""Determinants, inverses and Cholesky factors of small matrices of expressions, by their textbook formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import fmpq

from gradverify.symbolic import expression as ex
from gradverify.symbolic.expression import Expr

MOST = 4  # rows up to which a determinant is written out
Matrix = np.ndarray[Any, Any]  # of expressions, two axes


def determinant(a: Matrix) -> Expr:
    """Expanded along the first row; raises ValueError for more than four rows."""
    n = len(a)
    if n > MOST:
        raise ValueError(f"a determinant of {n} rows")
    if n == 0:
        return ex.ONE
    rest = a[1:]
    signed = (a[0, j] * (-1) ** j * determinant(np.delete(rest, j, axis=1)) for j in range(n))
    return ex.total(signed)


def inverse(a: Matrix) -> Matrix:
    """The adjugate over the determinant."""
    n = len(a)
    whole = determinant(a)
    out = np.empty((n, n), object)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, j, axis=0), i, axis=1)
            out[i, j] = determinant(minor) * (-1) ** (i + j) / whole
    return out


def cholesky(a: Matrix) -> Matrix:
    """The lower triangular L with L L' = a, the diagonal positive."""
    n = len(a)
    out = np.full((n, n), ex.ZERO, object)
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j] - ex.total(out[i, k] * out[j, k] for k in range(j))
            out[i, j] = ex.power(rest, fmpq(1, 2)) if i == j else rest / out[j, j]
    return out

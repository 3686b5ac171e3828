"""Solving, inverses, determinants and Cholesky factors of object arrays, by elimination with row exchanges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradverify._arrays import Array


def _eliminated(a: Array, b: Array) -> tuple[Array, Array, int]:
    """Upper triangular copies (u, c) with the same solutions as (a, b), and the sign of the row exchanges."""
    u, c, sign = a.copy(), b.copy(), 1
    n = len(u)
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(u[i, k]))
        if not u[best, k]:
            raise np.linalg.LinAlgError("Singular matrix")
        if best != k:
            u[[k, best]], c[[k, best]], sign = u[[best, k]], c[[best, k]], -sign
        for i in range(k + 1, n):
            factor = u[i, k] / u[k, k]
            u[i, k:] = u[i, k:] - factor * u[k, k:]
            c[i] = c[i] - factor * c[k]
    return u, c, sign


def _solve(a: Array, b: Array) -> Array:
    u, c, _ = _eliminated(a, b)
    for k in reversed(range(len(u))):
        for j in range(k + 1, len(u)):
            c[k] = c[k] - u[k, j] * c[j]
        c[k] = c[k] / u[k, k]
    return c


def _stack(a: Array) -> tuple[int, ...]:
    return a.shape[:-2]


def solve(a: Array, b: Array) -> Array:
    """x with a x = b, over leading axes as ``np.linalg.solve`` takes them."""
    vector = b.ndim == 1
    right = b[:, None] if vector else b
    lead = np.broadcast_shapes(_stack(a), _stack(right))
    a = np.broadcast_to(a, lead + a.shape[-2:])
    right = np.broadcast_to(right, lead + right.shape[-2:])
    out = np.empty(right.shape, object)
    for index in np.ndindex(lead):
        out[index] = _solve(a[index], right[index])
    return out[..., 0] if vector else out


def inv(a: Array) -> Array:
    """The inverse."""
    identity = np.empty(a.shape, object)
    identity[...] = np.eye(a.shape[-1], dtype=int)
    return solve(a, identity)


def slogdet(a: Array) -> Any:
    """The sign of the determinant and the logarithm of its size."""
    signs, logs = np.empty(_stack(a), object), np.empty(_stack(a), object)
    for index in np.ndindex(_stack(a)):
        diagonal, sign = _diagonal(a[index])
        for entry in diagonal:
            sign = sign * (1 if entry > 0 else -1)
        signs[index], logs[index] = sign, sum((abs(d).log() for d in diagonal), 0)
    kind = type(np.linalg.slogdet(np.eye(1)))
    return kind(signs[()], logs[()]) if hasattr(kind, "_make") else (signs[()], logs[()])


def det(a: Array) -> Any:
    """The determinant; 0 for a singular matrix."""
    out = np.empty(_stack(a), object)
    for index in np.ndindex(_stack(a)):
        try:
            diagonal, product = _diagonal(a[index])
        except np.linalg.LinAlgError:
            diagonal, product = np.zeros(1, int), 1
        for entry in diagonal:
            product = product * entry
        out[index] = product
    return out[()]


def _diagonal(a: Array) -> tuple[Array, Any]:
    u, _, sign = _eliminated(a, np.empty((len(a), 0), object))
    return np.diagonal(u), sign


def cholesky(a: Array) -> Array:
    """The lower triangular l with l l' = a; only the lower half of a is read."""
    out = np.zeros(a.shape, object)
    for index in np.ndindex(_stack(a)):
        m, l = a[index], out[index]
        for j in range(len(m)):
            rest = m[j, j] - sum(l[j, k] * l[j, k] for k in range(j))
            if not rest > 0:
                raise np.linalg.LinAlgError("Matrix is not positive definite")
            l[j, j] = rest.sqrt()
            for i in range(j + 1, len(m)):
                l[i, j] = (m[i, j] - sum(l[i, k] * l[j, k] for k in range(j))) / l[j, j]
    return out


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.linalg.solve: solve, np.linalg.inv: inv, np.linalg.slogdet: slogdet, np.linalg.det: det,
    np.linalg.cholesky: cholesky,
}  # fmt: skip

"""Laws that follow from a network's symmetries, and so need no oracle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradverify._claim import Claim, equal
from gradverify._law import law
from gradverify._subject import Subject
from gradverify._vectors import Vectors


@law(after=("pullback_is_the_derivative",))
def hidden_units_are_balanced(f: Subject, x: Vectors, u: Vectors, v: Vectors) -> Iterator[Claim]:
    """<w_in, dL/dw_in> + b dL/db = <w_out, dL/dw_out> for every hidden unit of a ReLU network.

    The network is unchanged when a unit's incoming weights and bias are multiplied by c > 0 and its
    outgoing weights divided by c; this is that invariance at c = 1. All units of a layer are tried at
    once, each times a number of its own (from ``u``), so that their imbalances cannot cancel.
    Arguments are named W1, b1, W2, b2, ...; W is (in, out).
    """
    place = {name: k for k, name in enumerate(f.names)}
    g = f.pullback(x, v)
    layers = sum(1 for name in place if name.startswith("W") and name[1:].isdigit())
    for n in range(1, layers):
        w_in, b, w_out = place[f"W{n}"], place[f"b{n}"], place[f"W{n + 1}"]
        c = np.where(u[b] >= 0, 1.0, -1.0) * (1 + np.abs(u[b]) / (1 + np.abs(u[b])))
        incoming = {w_in: x[w_in] * c, b: x[b] * c}
        outgoing = {w_out: x[w_out] * c[:, None]}
        yield equal(
            g.inner(_at(x, incoming)), g.inner(_at(x, outgoing)), f"hidden layer {n}: incoming against outgoing"
        )


def _at(x: Vectors, parts: dict[int, np.ndarray]) -> Vectors:
    """These parts, nothing elsewhere."""
    return Vectors(tuple(parts.get(k, np.zeros(0)) for k in range(len(x))))

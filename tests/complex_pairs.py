"""Functions of complex arrays with their right gradients, and what reports about them are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gradverify as gv

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((2, 3)) + 1j * RNG.standard_normal((2, 3))
BOX = gv.Box("n k", dtype="complex128")
OTHER = "right under the other convention, dL/da - i dL/db (JAX's); gv.check judges dL/da + i dL/db (PyTorch's)"


def energy(z):
    return (np.abs(z) ** 2).sum()


def square(z):
    return z**2


def square_vjp(g, z):
    return 2 * g * np.conj(z)


def born(z):
    """|z|^2 over its sum: the probabilities of amplitudes."""
    e = np.abs(z) ** 2
    return e / e.sum(-1, keepdims=True)


def born_vjp(g, z):
    e = np.abs(z) ** 2
    total = e.sum(-1, keepdims=True)
    return 2 * z * (g / total - (g * e).sum(-1, keepdims=True) / total**2)


def softmax(z):
    e = np.exp(z - z.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(g, z):
    p = np.conj(softmax(z))
    return p * (g - (g * p).sum(-1, keepdims=True))


def as_complex(g):
    return g.astype(np.result_type(g, np.complex64))


# For real L and z = a + ib the gradient is dL/da + i dL/db; derivations: Kreutz-Delgado, arXiv:0906.4835, section 4.
RIGHT: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "identity": (lambda z: z, lambda g, z: g),
    "square": (square, square_vjp),
    "exp": (np.exp, lambda g, z: g * np.conj(np.exp(z))),
    "log": (np.log, lambda g, z: g / np.conj(z)),
    "inverse": (lambda z: 1 / z, lambda g, z: -g / np.conj(z) ** 2),
    "conj": (np.conj, lambda g, z: np.conj(g)),
    "real": (np.real, lambda g, z: as_complex(g)),
    "imag": (np.imag, lambda g, z: 1j * as_complex(g)),
    "abs": (np.abs, lambda g, z: g * z / np.where(z == 0, 1, np.abs(z)).astype(g.dtype)),
    "angle": (np.angle, lambda g, z: 1j * g * z / np.abs(z) ** 2),
    "energy": (energy, lambda g, z: 2 * g * z),
    "sum": (np.sum, lambda g, z: np.broadcast_to(g, z.shape)),
    "fft": (np.fft.fft, lambda g, z: z.shape[-1] * np.fft.ifft(g)),
    "born": (born, born_vjp),
    "softmax": (softmax, softmax_vjp),
}
HOLOMORPHIC = ("square", "exp", "log", "inverse", "fft", "softmax")


def failing(report: gv.Report) -> list[str]:
    return [v.law for v in report.verdicts if v.status == "FAILS"]


def only(report: gv.Report) -> Any:
    (finding,) = report.findings
    return finding

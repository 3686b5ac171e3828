"""A network is a Subject composed of Subjects; its gradient is nothing but their vjps in reverse order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import Box, Domain
from gradverify._errors import Misuse
from gradverify._subject import Subject
from gradverify.nn.functions import DTYPES, linear, relu
from gradverify.nn.losses import cross_entropy_one_hot

SIX_LAYERS = (64, 64, 64, 64, 64, 64, 10)


class Tape(NamedTuple):
    """One forward pass: what each part was given, in order, and what the last one answered."""

    inputs: tuple[tuple[Array, ...], ...]
    out: Array


class Evaluation(NamedTuple):
    """The loss at a point, the logits it came from, and its gradient in every parameter."""

    loss: float
    logits: Array
    gradients: tuple[Array, ...]


def record(parts: Sequence[Subject], x: Array, others: Sequence[Array]) -> Tape:
    """Each part takes the output of the one before it, then its own further arguments, in order, from ``others``."""
    rest, inputs = iter(others), []
    for part in parts:
        given = (x, *(next(rest) for _ in part.names[1:]))
        inputs.append(given)
        x = part.value(*given, **part.at)
    return Tape(tuple(inputs), x)


def play_back(parts: Sequence[Subject], tape: Tape, g: Any) -> tuple[Array, list[Array | None]]:
    """The chain rule: the gradient at x, and at each of ``others`` in their order (None where a part gives none)."""
    others: list[Array | None] = []
    for part, given in zip(reversed(parts), reversed(tape.inputs), strict=True):
        assert part.vjp is not None
        answer = part.vjp(g, *given, **part.at)
        g, *rest = answer if isinstance(answer, tuple) else (answer,)
        others[:0] = rest
    return g, others


def network(
    widths: Sequence[int] = SIX_LAYERS, activation: Subject = relu, loss: Subject = cross_entropy_one_hot
) -> Subject:
    """The loss of a fully connected net: a function of ``(x, labels, W1, b1, W2, b2, ...)``.

    ``widths`` are the sizes from input to logits, W of shape (in, out), each layer x W + b, the
    activation between layers and not after the last. ``parts`` holds linear, activation, ...,
    linear, loss. Its vjp answers for x and every parameter, and None for the labels.
    """
    widths = tuple(widths)
    if len(widths) < 2 or min(widths) < 1:
        raise Misuse(f"network: widths={widths} are not sizes from input to output; write two or more, as (64, 10).")
    for role, part, many in (("activation", activation, 1), ("loss", loss, 2)):
        if part.vjp is None or len(part.names) != many:
            raise Misuse(f"network: {role}={part.name} needs {many} argument(s) and a vjp; it has {part.names}.")
    layers = len(widths) - 1
    parts = (*(part for _ in range(layers - 1) for part in (linear, activation)), linear, loss)

    def value(x: Array, labels: Array, *parameters: Array) -> Array:
        return record(parts, x, (*parameters, labels)).out

    def vjp(g: Array, x: Array, labels: Array, *parameters: Array) -> tuple[Array | None, ...]:
        dx, (*gradients, _) = play_back(parts, record(parts, x, (*parameters, labels)), g)
        return dx, None, *gradients

    boxes = {"x": Box(f"n {widths[0]}"), "labels": _labels(loss, widths[-1])}
    for layer, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        boxes |= {f"W{layer}": Box(f"{fan_in} {fan_out}"), f"b{layer}": Box(f"{fan_out}")}
    chosen = "" if activation is relu else f", activation={activation.call}"
    chosen += "" if loss is cross_entropy_one_hot else f", loss={loss.call}"
    return Subject(
        name=f"network({'-'.join(map(str, widths))})",
        value=value,
        vjp=vjp,
        domain=Domain(boxes),
        spec="relu_network" if activation is relu else "",
        dtypes=DTYPES,
        parts=parts,
        call=f"gv.nn.network({widths}{chosen})",
    )


def _labels(loss: Subject, k: int) -> Any:
    """The loss's own Box for its labels, with the number of classes filled in."""
    logits, labels = loss.domain.arguments.values()
    classes = logits.symbols[-1]
    if not isinstance(labels, Box):
        raise Misuse(f"network: loss={loss.name} fixes its labels to one array; give a loss whose labels are a Box.")
    shape = " ".join(str(k) if token == classes else token for token in labels.tokens)
    return dataclasses.replace(labels, shape=shape, high=k if isinstance(labels.high, str) else labels.high)


def logits(network: Subject, x: Array, parameters: Sequence[Array]) -> Array:
    """What the loss is given: the output of the last linear layer, "n d0" -> "n k"."""
    return record(network.parts[:-1], x, parameters).out


def loss_and_gradient(network: Subject, x: Array, labels: Array, parameters: Sequence[Array]) -> Evaluation:
    """The loss, its logits and its gradient in the parameters, from one forward pass of the network's own parts."""
    tape = record(network.parts, x, (*parameters, labels))
    _, (*gradients, _) = play_back(network.parts, tape, np.ones((), tape.out.dtype))
    return Evaluation(float(tape.out), tape.inputs[-1][0], tuple(g for g in gradients if g is not None))


SCHEMES = ("he", "glorot", "lecun", "normal")


def initialise(
    network: Subject | Sequence[int],
    rng: np.random.Generator,
    *,
    scheme: str = "he",
    scale: float = 0.1,
    dtype: str = "float32",
) -> tuple[Array, ...]:
    """Parameters W1, b1, W2, b2, ... with Gaussian weights of the scheme's deviation, biases 0.

    ``he``: variance 2 / in, which keeps the second moment of a ReLU layer (He et al., Delving Deep into
    Rectifiers, 2015, equation 10). ``glorot``: 2 / (in + out) (Glorot & Bengio, Understanding the
    difficulty of training deep feedforward neural networks, 2010, equation 12; theirs is uniform, ours
    Gaussian with the same variance). ``lecun``: 1 / in (LeCun, Bottou, Orr & Müller, Efficient BackProp,
    1998, equation 16). ``normal``: ``scale`` squared, whatever the layer's size; ``scale`` means nothing
    to the others. Drawn in float64 and then rounded, so the same seed gives both types the same start.
    """
    if scheme not in SCHEMES:
        raise Misuse(f"initialise: scheme={scheme!r} is not known; choose one of {', '.join(SCHEMES)}.")
    return tuple(_drawn(_widths(network), rng, scheme, scale, np.dtype(dtype)))


def _drawn(
    widths: Sequence[int], rng: np.random.Generator, scheme: str, scale: float, dtype: np.dtype[Any]
) -> Iterator[Array]:
    for fan_in, fan_out in pairwise(widths):
        deviation = {
            "he": math.sqrt(2 / fan_in),
            "glorot": math.sqrt(2 / (fan_in + fan_out)),
            "lecun": math.sqrt(1 / fan_in),
            "normal": scale,
        }[scheme]
        yield (deviation * rng.standard_normal((fan_in, fan_out))).astype(dtype)
        yield np.zeros(fan_out, dtype)


def _widths(network: Subject | Sequence[int]) -> tuple[int, ...]:
    """The sizes from input to output."""
    if not isinstance(network, Subject):
        return tuple(network)
    shapes = [box.dims({}) for box in tuple(network.domain.arguments.values())[2::2] if isinstance(box, Box)]
    return (*(fan_in for fan_in, _ in shapes), shapes[-1][1])

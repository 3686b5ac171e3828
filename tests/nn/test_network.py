"""A network is its parts: its loss, its gradient and its balance are those of the Subjects it is made of."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify._errors import Misuse
from gradverify._subject import Subject

WIDE = np.longdouble
SMALL = (5, 4, 4, 3)


def point(net: Subject, rng: np.random.Generator, dtype: Any = "float64", n: int = 6) -> list[Any]:
    """Inputs, labels and parameters, with biases that are not zero."""
    widths = [len(b) for b in nn.initialise(net, rng)[1::2]]
    x = rng.standard_normal((n, net.domain.arguments["x"].dims({"n": n})[1])).astype(dtype)
    kind = net.domain.arguments["labels"].kind
    y = rng.integers(0, widths[-1], n)
    labels = y if kind == "index" else np.eye(widths[-1])[y].astype(dtype)
    if kind == "real":
        labels = rng.standard_normal(labels.shape).astype(dtype)
    parameters = [p.astype(dtype) for p in nn.initialise(net, rng, dtype="float64")]
    for b in parameters[1::2]:
        b += rng.standard_normal(b.shape).astype(dtype) / 4
    return [x, labels, *parameters]


def gap(net: Subject, rng: np.random.Generator) -> float:
    """The largest relative gap to a central difference in extended precision over all arguments but the labels."""
    at = point(net, rng, WIDE)
    step = WIDE(1e-9)
    answers = net.vjp(WIDE(1), *at)  # type: ignore[misc]
    assert answers[1] is None
    worst = 0.0
    for k, answer in enumerate(answers):
        if answer is None:
            continue
        u = rng.uniform(0.5, 1.5, at[k].shape) * rng.choice((-1, 1), at[k].shape)
        ahead, behind = (net(*at[:k], at[k] + s * u, *at[k + 1 :]) for s in (step, -step))
        size = np.sum(np.abs(answer * u)) + 1e-6
        worst = max(worst, float(abs(np.sum(answer * u) - (ahead - behind) / (2 * step)) / size))
    return worst


SEEN = 1e-7  # a difference over 1e-9 in extended precision (even 1e-6 of error where longdouble is only double)

NETWORKS = [
    nn.network(SMALL),
    nn.network(SMALL, activation=nn.tanh),
    nn.network(SMALL, activation=nn.gelu, loss=nn.cross_entropy_index),
    nn.network(SMALL, activation=nn.softplus, loss=nn.mse),
    nn.network((5, 3)),
    nn.network((5, 1, 2), activation=nn.leaky_relu, loss=nn.cross_entropy),
]
needs_extended = pytest.mark.skipif(np.finfo(WIDE).eps > 1e-18, reason="longdouble is no wider than double here")


@needs_extended
@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: net.call)
def test_the_chain_rule_gives_the_derivative(net: Subject, rng: np.random.Generator) -> None:
    assert gap(net, rng) < SEEN


@needs_extended
@pytest.mark.parametrize("wrong", [lambda g, x: 0.999 * g * (x > 0), lambda g, x: g, lambda g, x: g[::-1] * (x > 0)])
def test_a_fault_in_one_part_shows_in_the_whole(wrong: Any, rng: np.random.Generator) -> None:
    assert gap(nn.network(SMALL, activation=dataclasses.replace(nn.relu, vjp=wrong)), rng) > 100 * SEEN


def test_the_parts_are_in_order_and_are_the_ops_themselves() -> None:
    parts = nn.network(SMALL, activation=nn.tanh, loss=nn.mse).parts
    assert parts == (nn.linear, nn.tanh, nn.linear, nn.tanh, nn.linear, nn.mse)


def test_the_arguments_are_x_labels_and_each_layers_w_and_b_with_their_sizes() -> None:
    domain = nn.network((64, 32, 10), loss=nn.cross_entropy_index).domain
    assert domain.names == ("x", "labels", "W1", "b1", "W2", "b2")
    assert [box.shape for box in domain.arguments.values()] == ["n 64", "n", "64 32", "32", "32 10", "10"]
    assert domain.arguments["labels"].high == 10
    one_hot = nn.network((64, 10)).domain.arguments["labels"]
    assert (one_hot.shape, one_hot.kind) == ("n 10", "one-hot")


def test_only_relu_networks_promise_balance() -> None:
    assert [net.spec for net in NETWORKS[:2]] == ["relu_network", ""]


@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: net.call)
def test_its_call_makes_it_again(net: Subject) -> None:
    again = eval(net.call, {"gv": gv})
    assert (again.name, again.parts, again.domain) == (net.name, net.parts, net.domain)


def test_logits_by_hand() -> None:
    net = nn.network((1, 2, 1), loss=nn.mse)
    parameters = [np.array([[1.0, -1.0]]), np.array([0.0, 1.0]), np.array([[2.0], [3.0]]), np.array([0.5])]
    np.testing.assert_array_equal(nn.logits(net, np.array([[2.0], [-2.0]]), parameters), [[4.5], [9.5]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_forward_gives_the_loss_the_logits_and_the_gradient(dtype: str, rng: np.random.Generator) -> None:
    net = nn.network(SMALL)
    x, labels, *parameters = point(net, rng, dtype)
    at = nn.loss_and_gradient(net, x, labels, parameters)
    assert at.loss == float(net(x, labels, *parameters))
    np.testing.assert_array_equal(at.logits, nn.logits(net, x, parameters))
    _, _, *gradients = net.vjp(np.ones((), dtype), x, labels, *parameters)  # type: ignore[misc]
    for ours, theirs, p in zip(at.gradients, gradients, parameters, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert (ours.dtype, ours.shape) == (p.dtype, p.shape)


def balance(net: Subject, at: list[Any]) -> float:
    """The largest gap of <w_in, dL/dw_in> + b dL/db = <w_out, dL/dw_out> over hidden units, relative to its terms."""
    _, _, *p = at
    g = nn.loss_and_gradient(net, at[0], at[1], p).gradients
    worst = 0.0
    for k in range(0, len(p) - 2, 2):
        incoming = p[k] * g[k]
        outgoing = p[k + 2] * g[k + 2]
        left = incoming.sum(axis=0) + p[k + 1] * g[k + 1]
        size = np.abs(incoming).sum(axis=0) + np.abs(p[k + 1] * g[k + 1]) + np.abs(outgoing).sum(axis=1)
        worst = max(worst, float(np.max(np.abs(left - outgoing.sum(axis=1)) / (size + 1e-300))))
    return worst


@pytest.mark.parametrize("loss", [nn.cross_entropy_one_hot, nn.mse], ids=lambda op: op.name)
def test_relu_units_are_balanced_and_tanh_units_are_not(loss: Subject, rng: np.random.Generator) -> None:
    relu, tanh = (nn.network((5, 8, 8, 3), activation=a, loss=loss) for a in (nn.relu, nn.tanh))
    at = point(relu, rng)
    assert balance(relu, at) < 1e-13
    assert balance(tanh, at) > 1e-3


def test_a_step_moves_the_conserved_quantity_by_rate_squared_only(rng: np.random.Generator) -> None:
    """|W_l|^2 + |b_l|^2 - |W_{l+1}|^2 changes by rate^2 (|G_l|^2 + |g_l|^2 - |G_{l+1}|^2), nothing else."""
    net, rate = nn.network(SMALL), 0.05
    x, labels, *before = point(net, rng)
    g = nn.loss_and_gradient(net, x, labels, before).gradients
    after = nn.SGD(nn.Constant(rate)).step(nn.Clock(), before, g)

    def conserved(p: Any, layer: int) -> float:
        return float(sum(np.sum(p[2 * layer + k] ** 2) * sign for k, sign in ((0, 1), (1, 1), (2, -1))))

    for layer in (0, 1):
        moved = conserved(after, layer) - conserved(before, layer)
        assert moved == pytest.approx(rate**2 * conserved(g, layer), abs=1e-13)
        assert abs(moved) > 1e-8


@pytest.mark.parametrize(
    ("scheme", "variance"), [("he", 2 / 300), ("glorot", 2 / 500), ("lecun", 1 / 300), ("normal", 0.25)]
)
def test_initial_weights_have_the_variance_of_their_scheme(
    scheme: str, variance: float, rng: np.random.Generator
) -> None:
    """60,000 draws: the sample variance is within 2.9 % (five of its deviations), and no two schemes are that close."""
    W, b = nn.initialise((300, 200), rng, scheme=scheme, scale=0.5, dtype="float64")
    assert np.mean(W**2) == pytest.approx(variance, rel=5 * math.sqrt(2 / 60_000))
    assert abs(np.mean(W)) < 5 * math.sqrt(variance / 60_000)
    assert not b.any()


def test_a_network_and_its_widths_start_alike_and_in_the_type_asked_for() -> None:
    by_net = nn.initialise(nn.network(SMALL), np.random.default_rng(1))
    by_widths = nn.initialise(SMALL, np.random.default_rng(1), dtype="float64")
    for a, b in zip(by_net, by_widths, strict=True):
        assert (a.dtype, b.dtype) == (np.dtype("float32"), np.dtype("float64"))
        np.testing.assert_array_equal(a, b.astype("float32"))


def test_misuse_is_explained() -> None:
    with pytest.raises(Misuse, match=r"widths=\(64,\) are not sizes from input to output; write two or more"):
        nn.network((64,))
    with pytest.raises(Misuse, match=r"activation=cross_entropy needs 1 argument\(s\) and a vjp; it has \('s', 't'\)"):
        nn.network(SMALL, activation=nn.cross_entropy)
    with pytest.raises(Misuse, match=r"loss=relu needs 2 argument\(s\)"):
        nn.network(SMALL, loss=nn.relu)
    with pytest.raises(Misuse, match=r"scheme='xavier' is not known; choose one of he, glorot, lecun, normal"):
        nn.initialise(SMALL, np.random.default_rng(0), scheme="xavier")

"""Ops with hand-written derivatives, the networks they compose to, and a trainer that trains exactly those.

An op is a :class:`~gradverify._subject.Subject`: called like a function, and carrying the ``vjp`` it
claims. So one object is checked by ``gv.check(gv.nn.softmax)``, searched by ``gv.suite``, proved, and
trained. Each lives in one of two files, ``functions`` and ``losses``; to add one is to add its forward,
its vjp, its Subject and its name in the family's tuple. NumPy only; ``digits`` asks for scikit-learn.
"""

from gradverify.nn.data import Digits, digits
from gradverify.nn.functions import (
    FUNCTIONS,
    gelu,
    layer_norm,
    leaky_relu,
    linear,
    log_softmax,
    log_sum_exp,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from gradverify.nn.losses import (
    LOSSES,
    cross_entropy,
    cross_entropy_index,
    cross_entropy_one_hot,
    mse,
    negative_log_likelihood,
)
from gradverify.nn.network import Evaluation, initialise, logits, loss_and_gradient, network
from gradverify.nn.optimisers import SGD, ByAccuracy, Clock, Constant, Halving, InverseTime, Schedule
from gradverify.nn.trainer import History, train

OPS = FUNCTIONS + LOSSES

__all__ = [
    "FUNCTIONS",
    "LOSSES",
    "OPS",
    "SGD",
    "ByAccuracy",
    "Clock",
    "Constant",
    "Digits",
    "Evaluation",
    "Halving",
    "History",
    "InverseTime",
    "Schedule",
    "cross_entropy",
    "cross_entropy_index",
    "cross_entropy_one_hot",
    "digits",
    "gelu",
    "initialise",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "log_sum_exp",
    "logits",
    "loss_and_gradient",
    "mse",
    "negative_log_likelihood",
    "network",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
    "train",
]

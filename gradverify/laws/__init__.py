"""Laws, one sentence each, by what they speak of: the derivative, the second one, the contract, values, structure.

``LAWS`` is all of them, ``SPECS`` the bundles a kind of function promises, ``laws_of(spec)`` what a
check tries.
"""

from gradverify.laws.accuracy import pullback_is_accurate
from gradverify.laws.contract import (
    finite_in_finite_out,
    inputs_are_left_unchanged,
    same_answer_twice,
    shape_and_dtype_are_kept,
)
from gradverify.laws.derivative import (
    pullback_is_linear,
    pullback_is_the_adjoint,
    pullback_is_the_derivative,
    pullback_of_zero_is_zero,
    pullback_remembers_nothing,
    pushforward_is_the_derivative,
)
from gradverify.laws.layout import layout_does_not_matter
from gradverify.laws.second_order import (
    hessian_is_symmetric,
    pushforward_is_linear,
    pushforward_is_shaped_like_the_value,
)
from gradverify.laws.specs import DEFAULT, LAWS, SPECS, laws_named, laws_of
from gradverify.laws.structure import hidden_units_are_balanced
from gradverify.laws.value import (
    a_shift_leaves_no_trace,
    cross_entropy_is_at_least_the_label_entropy,
    log_softmax_ignores_a_shift,
    softmax_ignores_a_shift,
    softmax_lands_on_the_simplex,
)

__all__ = [
    "DEFAULT",
    "LAWS",
    "SPECS",
    "a_shift_leaves_no_trace",
    "cross_entropy_is_at_least_the_label_entropy",
    "finite_in_finite_out",
    "hessian_is_symmetric",
    "hidden_units_are_balanced",
    "inputs_are_left_unchanged",
    "laws_named",
    "laws_of",
    "layout_does_not_matter",
    "log_softmax_ignores_a_shift",
    "pullback_is_accurate",
    "pullback_is_linear",
    "pullback_is_the_adjoint",
    "pullback_is_the_derivative",
    "pullback_of_zero_is_zero",
    "pullback_remembers_nothing",
    "pushforward_is_linear",
    "pushforward_is_shaped_like_the_value",
    "pushforward_is_the_derivative",
    "same_answer_twice",
    "shape_and_dtype_are_kept",
    "softmax_ignores_a_shift",
    "softmax_lands_on_the_simplex",
]

"""A spec is a named bundle of laws that a kind of function promises beyond its derivative."""

from __future__ import annotations

from gradverify._errors import Misuse
from gradverify._law import Law
from gradverify.laws import accuracy, contract, derivative, layout, second_order, structure, value

DERIVATIVE = (
    derivative.pullback_is_the_derivative,
    derivative.pushforward_is_the_derivative,
    derivative.pullback_is_the_adjoint,
    derivative.pullback_is_linear,
    derivative.pullback_of_zero_is_zero,
    second_order.pushforward_is_linear,
    derivative.pullback_remembers_nothing,
)
FIRST = (  # told before the others, some of which rest on them
    contract.same_answer_twice,
    contract.inputs_are_left_unchanged,
    layout.layout_does_not_matter,
)
STABLE = (contract.finite_in_finite_out, accuracy.pullback_is_accurate)
SHAPED = (contract.shape_and_dtype_are_kept, second_order.pushforward_is_shaped_like_the_value)
DEFAULT = (*FIRST, *DERIVATIVE, *SHAPED)

SPECS: dict[str, tuple[Law, ...]] = {
    "softmax": (
        *STABLE,
        value.softmax_lands_on_the_simplex,
        value.softmax_ignores_a_shift,
        value.a_shift_leaves_no_trace,
    ),
    "log_softmax": (*STABLE, value.log_softmax_ignores_a_shift, value.a_shift_leaves_no_trace),
    "cross_entropy": (*STABLE, value.cross_entropy_is_at_least_the_label_entropy, value.a_shift_leaves_no_trace),
    "activation": STABLE,
    "linear": (),
    "normalisation": STABLE,
    "loss": (),
    "gradient": (second_order.hessian_is_symmetric,),
    "relu_network": (structure.hidden_units_are_balanced,),
}
LAWS = tuple(dict.fromkeys((*DEFAULT, *(law for laws in SPECS.values() for law in laws))))


def laws_of(spec: str) -> tuple[Law, ...]:
    """The derivative and contract laws, and those of the spec; Misuse if there is no such spec."""
    if spec and spec not in SPECS:
        raise Misuse(f"spec={spec!r} is not known; choose one of {', '.join(SPECS)}.")
    return DEFAULT + SPECS.get(spec, ())


def laws_named(names: str | Law | tuple[str | Law, ...]) -> tuple[Law, ...]:
    """Laws by name (or Laws as they are); Misuse names the nearest where there is none."""
    from difflib import get_close_matches

    known = {law.name: law for law in LAWS}
    out = []
    for name in (names,) if isinstance(names, str | Law) else names:
        if isinstance(name, Law):
            out.append(name)
        elif name in known:
            out.append(known[name])
        else:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}."
            raise Misuse(f"laws={name!r} is not known; {hint}")
    return tuple(out)

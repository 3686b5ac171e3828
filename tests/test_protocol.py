"""Every way to break the protocol of a pullback, rather than its formula, gets its own verdict and its own reason."""

import numpy as np
import pytest

import gradverify as gv

X = np.array([[1.0, 2.0, -1.0], [0.5, -0.3, 0.7]])
PLACES = [X, gv.Box("n k")]
HERE = ["given", "generated"]


def broken(report):
    """Which laws fail."""
    return [f.law for f in report.findings]


def cause(report, law):
    return next(f.cause for f in report.findings if f.law == law)


def notes(report):
    return [note for v in report.verdicts if v.law == "same_answer_twice" for note in v.notes]


def reasons(report):
    return {v.reason for v in report.verdicts}


# -- what is done to the cotangent ----------------------------------------------------------------


@pytest.mark.parametrize("inputs", PLACES, ids=HERE)
@pytest.mark.parametrize(
    "changed",
    [lambda g: g * g, np.abs, np.sign, lambda g: np.clip(g, -0.5, 0.5)],
    ids=["g*g", "|g|", "sign g", "clipped g"],
)
def test_a_pullback_that_is_not_linear_in_the_cotangent_fails_by_the_derivative_and_by_linearity(changed, inputs):
    report = gv.check(np.sin, vjp=lambda g, x: changed(g) * np.cos(x), inputs=inputs)
    assert broken(report) == ["pullback_is_the_derivative", "pullback_is_linear"]
    right = gv.check(np.sin, vjp=lambda g, x: g * np.cos(x), inputs=inputs)
    assert right.ok


@pytest.mark.parametrize("inputs", PLACES, ids=HERE)
def test_a_cotangent_overwritten_in_place_fails_and_is_told_so(inputs):
    def vjp(g, x):
        g *= np.cos(x)
        return g

    report = gv.check(np.sin, vjp=vjp, inputs=inputs)
    assert broken(report) == ["inputs_are_left_unchanged"]
    assert cause(report, "inputs_are_left_unchanged") == "the vjp writes into the cotangent"
    assert report.findings[0].argument == "cotangent"


@pytest.mark.parametrize("inputs", PLACES, ids=HERE)
def test_a_view_that_needs_contiguous_memory_fails_and_says_in_which_layout(inputs):
    def vjp(g, x):
        flat = g.view()
        flat.shape = (-1,)
        return (flat * np.cos(x).ravel()).reshape(x.shape)

    report = gv.check(np.sin, vjp=vjp, inputs=inputs)
    assert broken(report) == ["layout_does_not_matter"]
    assert cause(report, "layout_does_not_matter").startswith(
        "the vjp, its arrays transposed (column-major): it raised AttributeError"
    )


@pytest.mark.parametrize("inputs", PLACES, ids=HERE)
def test_views_handed_back_hold(inputs):
    assert gv.check(lambda x: x.T, vjp=lambda g, x: g.T, inputs=inputs, name="transpose").ok
    assert gv.check(lambda x: x, vjp=lambda g, x: g, inputs=inputs, name="identity").ok


# -- chance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", PLACES, ids=HERE)
@pytest.mark.parametrize("size", [1.0, 1e-9], ids=["dropout", "noise"])
def test_what_draws_from_a_generator_of_its_own_is_undecided_and_the_generator_is_put_back(size, inputs):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state

    def f(x):
        return np.sin(x) + size * (rng.random(x.shape) < 0.5)

    report = gv.check(f, vjp=lambda g, x: g * np.cos(x), inputs=inputs)
    assert report.status == "UNDECIDED"
    assert reasons(report) == {"f is random: two calls with the same inputs differ; pass the seed or the mask in"}
    assert rng.bit_generator.state == before


def test_dropout_whose_mask_is_handed_in_holds():
    mask = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) / 0.5
    assert gv.check(lambda x: x * mask, vjp=lambda g, x: g * mask, inputs=X, name="dropout").ok


def test_draws_that_leave_no_trace_in_the_answer_are_told():
    rng = np.random.RandomState(0)
    before = rng.get_state()[1].tolist()
    report = gv.check(lambda x: x + 0 * rng.rand(), vjp=lambda g, x: g, inputs=X, name="f")
    assert report.ok
    assert notes(report) == ["rng: every call of f moves it; put back after the check"]
    assert rng.get_state()[1].tolist() == before


# -- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", PLACES, ids=HERE)
def test_a_reused_output_buffer_holds_and_is_told(inputs):
    buffers = {}

    def f(x):
        out = buffers.setdefault((x.shape, x.dtype), np.empty_like(x))
        np.sin(x, out=out)
        return out

    report = gv.check(f, vjp=lambda g, x: g * np.cos(x), inputs=inputs)
    assert report.ok
    assert notes(report) == ["f: every call writes to the array that the call before returned; copy what you keep"]
    assert buffers == {}


def test_a_gradient_that_accumulates_over_calls_fails_and_names_what_moved():
    total = {"dW": np.zeros_like(X)}

    def vjp(g, x):
        total["dW"] += g * np.cos(x)
        return total["dW"]

    report = gv.check(np.sin, vjp=vjp, inputs=X)
    assert broken(report) == ["same_answer_twice"]
    assert cause(report, "same_answer_twice") == (
        'the vjp answers differently the second time; total["dW"] moved between the calls; '
        "every call adds the same to the answer of the call before"
    )
    assert not total["dW"].any()


# -- moved running statistics ---------------------------------------------------------------------


class BatchNorm:
    """x normalised over rows; in training mode its running statistics follow what it sees."""

    def __init__(self, *, twice=False, uses=False):
        self.mean, self.var, self.batches = np.zeros(3), np.ones(3), 0
        self.twice, self.uses = twice, uses

    def follow(self, x):
        self.batches += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        self.var *= 0.9
        self.var += 0.1 * x.var(0)

    def forward(self, x):
        self.follow(x)
        self.x = x
        return self.normal(x) + (self.mean if self.uses else 0.0)

    @staticmethod
    def normal(x):
        return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)

    def backward(self, g, x):
        if self.twice:
            self.follow(x)
        h = self.normal(x)
        return (g - g.mean(0) - h * (g * h).mean(0)) / np.sqrt(x.var(0) + 1e-5)


ROWS = np.array([[1.0, 2.0, -1.0], [0.5, -0.3, 0.7], [0.1, 0.9, 3.0]])


@pytest.mark.parametrize("inputs", [ROWS, gv.Box("n 3")], ids=HERE)
@pytest.mark.parametrize("twice", [False, True], ids=["by the function", "by the pullback too"])
def test_moved_running_statistics_are_put_back_and_told(twice, inputs):
    bn = BatchNorm(twice=twice)
    before = dict(vars(bn))
    report = gv.check(bn.forward, vjp=bn.backward, inputs=inputs, name="bn")
    assert report.ok
    who = "bn and of bn's vjp" if twice else "bn"
    assert notes(report) == [
        f"BatchNorm.batches, BatchNorm.mean, BatchNorm.var: every call of {who} moves them; put back after the check"
    ]
    after = dict(vars(bn))
    assert list(after) == list(before)  # what the forward leaves for the backward is gone too, quietly
    assert all(after[name] is before[name] for name in before)
    assert bn.mean.tolist() == [0.0] * 3
    assert bn.var.tolist() == [1.0] * 3


def test_a_value_that_depends_on_moved_statistics_is_undecided_and_named():
    bn = BatchNorm(uses=True)
    report = gv.check(bn.forward, vjp=bn.backward, inputs=ROWS, name="bn")
    assert report.status == "UNDECIDED"
    names = "BatchNorm.batches, BatchNorm.mean, BatchNorm.var"
    (reason,) = reasons(report)
    assert reason == (
        f"bn is no function of its inputs: two calls with the same inputs differ; {names} moved between them; "
        "pass it in, or hold it still"
    )
    assert bn.mean.tolist() == [0.0] * 3


def test_in_the_course_form_the_backward_is_not_told_of_what_the_forward_moves():
    bn = BatchNorm()
    report = gv.check(lambda x: (bn.forward(x), x), backward=lambda g, x: bn.backward(g, x), inputs=ROWS, name="bn")
    assert report.ok
    (note,) = notes(report)
    assert "every call of bn moves them" in note
    bn = BatchNorm(twice=True)
    report = gv.check(lambda x: (bn.forward(x), x), backward=lambda g, x: bn.backward(g, x), inputs=ROWS, name="bn")
    assert report.ok
    (note,) = notes(report)
    assert "every call of bn and of bn's vjp moves them" in note


def test_what_a_function_only_leaves_for_its_pullback_is_no_fault_and_is_not_told():
    kept = {}

    def forward(x):
        kept["x"] = x
        return np.sin(x)

    report = gv.check(forward, vjp=lambda g, x: g * np.cos(x), inputs=X)
    assert report.ok
    assert notes(report) == []
    assert kept == {}


def test_a_pullback_that_answers_for_what_the_function_saw_last_fails():
    kept = {}

    def forward(x):
        kept["x"] = x
        return np.sin(x)

    report = gv.check(forward, vjp=lambda g, x: g * np.cos(kept["x"]), inputs=X)
    assert broken(report) == ["same_answer_twice", "pullback_remembers_nothing"]


def test_complex_numbers_for_a_real_input_are_refused_with_what_to_do():
    report = gv.check(np.sin, vjp=lambda g, x: g * np.cos(x) + 0j, inputs=np.ones(3))
    assert report.status == "FAILS"
    assert "returned complex numbers for the real input x; return its real part" in str(report)


@pytest.mark.parametrize(
    ("vjp", "inputs", "says"),
    [
        (lambda g, x, y: {"x": g, "y": g}, (np.ones(3), np.ones(3)), "a dict, which counts as 1 gradient(s) for 2"),
        (lambda g, x: list(g), (np.ones((3, 2)),), "returned a list of 3 gradient(s) for 1 input(s); give an array"),
    ],
    ids=["dict", "list"],
)  # fmt: skip
def test_gradients_in_another_form_are_named_as_what_they_are(vjp, inputs, says):
    f = np.add if len(inputs) == 2 else np.negative
    assert says in str(gv.check(f, vjp=vjp, inputs=inputs))


def test_a_backward_that_takes_no_gradient_is_misuse():
    class Loss:
        def forward(self, x):
            return (x * x).sum()

        def backward(self):
            return 2

    with pytest.raises(gv.Misuse, match=r"Loss.backward\(\) cannot take 1 positional argument"):
        gv.check(Loss(), inputs=np.ones(3))

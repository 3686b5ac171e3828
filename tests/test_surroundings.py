"""What a function keeps outside its arguments is as it was after a check: every kind of place, whatever was raised."""

import collections
import functools
import random

import numpy as np
import pytest

import gradverify as gv
from gradverify.laws import pullback_is_the_derivative
from gradverify.surroundings import left_as_found, reach, snapshot
from gradverify.surroundings.reach import reached

X = np.array([1.0, 2.0, -1.0])
STATE = np.zeros(3)
COUNT = 0.5


class Kept:
    """One of everything that can hold a number."""

    shared = 0.0

    def __init__(self):
        self.array, self.number, self.flag = np.arange(3.0), 1.5, True
        self.items, self.window = [1.0, 2.0], collections.deque([1.0, 2.0], maxlen=2)
        self.table = {"a": np.ones(2), "b": 1.0, 3: [0.0]}
        self.rng, self.python = np.random.default_rng(0), random.Random(0)
        self.twister, self.self = np.random.RandomState(1), self

    def look(self):
        return [
            *(self.array.tolist(), self.number, self.flag, list(self.items), list(self.window)),
            *(self.table["a"].tolist(), self.table["b"], list(self.table), self.table[3][0], type(self).shared),
            *(self.rng.bit_generator.state, self.python.getstate(), self.twister.get_state()[1].tolist()),
            *(self.twister.get_state()[2], sorted(vars(self))),
        ]

    def stir(self, x):
        self.array += 1
        self.array, self.number, self.flag, self.new = self.array * 2, x, not self.flag, x
        self.items[0], self.items = 7.0, [*self.items, x]
        self.window.append(x)
        self.table["a"][0] = 5
        self.table |= {"b": x, "c": x}
        self.table[3][0] = x
        self.rng.random()
        self.python.random()
        self.twister.rand()
        type(self).shared = x
        return 2 * x


def test_everything_that_an_object_holds_is_put_back_in_the_same_arrays_and_containers():
    kept = Kept()
    before, same = kept.look(), (kept.array, kept.items, kept.table, kept.table["a"])
    with left_as_found((kept.stir,)):
        kept.stir(9.0)
        assert all(a != b for a, b in zip(kept.look(), before, strict=True))  # there is something to put back
    assert kept.look() == before
    assert all(a is b for a, b in zip(same, (kept.array, kept.items, kept.table, kept.table["a"]), strict=True))


@pytest.mark.parametrize("way", ["check", "examine", "search", "proof", "shapes by trial"])
def test_every_way_to_ask_leaves_an_object_as_it_was(way):
    kept = Kept()
    before = kept.look()
    if way == "examine":
        subject = gv.Subject("f", kept.stir, gv.Domain({"x": gv.At(X)}), vjp=lambda g, x: 2 * g)
        assert gv.examine(pullback_is_the_derivative, subject, by=gv.Sampling()).status == "HOLDS"
    else:
        by = {"search": gv.Search(examples=1), "proof": gv.Proof()}.get(way)
        inputs = None if way == "shapes by trial" else gv.Box("n") if by else X
        gv.check(kept.stir, vjp=lambda g, x: 2 * g, inputs=inputs, by=by, laws="pullback_is_the_derivative")
    assert kept.look() == before


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_it_is_put_back_after_an_exception_and_an_interruption(failure):
    kept, calls = Kept(), []
    before = kept.look()

    def f(x):
        calls.append(1)
        kept.stir(x)
        if len(calls) > 3:
            raise failure
        return 2 * x

    if failure is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            gv.check(f, vjp=lambda g, x: 2 * g, inputs=X)
    else:
        gv.check(f, vjp=lambda g, x: 2 * g, inputs=X)
    assert len(calls) > 3
    assert kept.look() == before


def closure(kept):
    return lambda x: kept.stir(x)


def default(kept):
    def f(x, *, kept=kept):
        return kept.stir(x)

    return f


def called(kept):
    def inner(x):
        return kept.stir(x)

    return functools.lru_cache(lambda x: inner(x))


def wrapped(kept):
    @functools.wraps(kept.stir)
    def f(*args):
        return kept.stir(*args)

    return functools.partial(f)


class Slots:
    __slots__ = ("kept",)

    def __init__(self, kept):
        self.kept = kept

    def __call__(self, x):
        return self.kept.stir(x)


@pytest.mark.parametrize(
    "way",
    [
        *(closure, default, called, wrapped, Slots, lambda kept: kept.stir, lambda kept: staticmethod(kept.stir)),
        lambda kept: functools.partial(lambda held, x: held["in"][0].stir(x), {"in": (kept,)}),
    ],
)
def test_an_object_is_found_through_whatever_leads_to_it(way):
    kept = Kept()
    before, f = kept.look(), way(kept)
    with left_as_found((f,)):
        f(9.0)
    assert kept.look() == before


def test_globals_variables_of_enclosing_functions_and_attributes_of_functions_are_put_back():
    mean = 0.0

    def f(x):
        global COUNT, BORN
        nonlocal mean
        COUNT, BORN, mean = x, x, x
        f.last = x
        STATE[:] = x
        return x

    state = STATE
    with left_as_found((f,)):
        f(9.0)
        assert (COUNT, mean, STATE[0]) == (9.0, 9.0, 9.0)
    assert (COUNT, mean, vars(f)) == (0.5, 0.0, {})
    assert state is STATE
    assert not STATE.any()
    assert "BORN" not in globals()


def test_slots_are_put_back():
    class Point:
        __slots__ = ("x", "y")

    point = Point()
    point.x = 1.0

    def f(x):
        point.x = point.y = x

    with left_as_found((f,)):
        f(2.0)
    assert point.x == 1.0
    assert not hasattr(point, "y")


def test_counts_and_logs_that_stand_alone_are_left_for_whoever_counts():
    calls, log, sizes, by_name = [0], [], set(), {"f": 0}

    class Counting:
        calls = 0

        def __call__(self, x):
            self.calls += 1
            return 2 * x

    own = Counting()

    def f(x):
        calls[0] += 1
        by_name["f"] += 1
        log.append(x.copy())
        sizes.add(x.shape)
        return own(x)

    report = gv.check(f, vjp=lambda g, x: 2 * g, inputs=X)
    assert report.ok
    assert calls[0] == len(log) == by_name["f"] == own.calls > 5
    assert sizes == {(3,)}
    bare = gv.check(lambda x: 2 * x, vjp=lambda g, x: 2 * g, inputs=X)
    assert [(v.law, v.trials, v.notes) for v in report.verdicts] == [(v.law, v.trials, v.notes) for v in bare.verdicts]


def test_a_count_that_the_answer_depends_on_is_named():
    calls = [0]

    def f(x):
        calls[0] += 1
        return x * calls[0]

    report = gv.check(f, vjp=lambda g, x: g, inputs=X)
    (reason,) = {v.reason for v in report.verdicts}
    assert reason == (
        "f is no function of its inputs: two calls with the same inputs differ; calls moved between them; "
        "pass it in, or hold it still"
    )


def test_what_moves_beside_an_answer_at_random_is_not_blamed():
    mean = np.zeros(3)

    def f(x):
        mean[:] = 0.9 * mean + x
        return x + np.random.random()  # noqa: NPY002 - a source that no function holds

    report = gv.check(f, vjp=lambda g, x: g, inputs=X)
    (reason,) = {v.reason for v in report.verdicts}
    assert reason == "f is random: two calls with the same inputs differ; pass the seed or the mask in"
    assert not mean.any()


def test_a_count_beside_other_state_is_told_and_left():
    count, mean = [0], np.zeros(3)

    def f(x):
        count[0] += 1
        mean[:] = 0.9 * mean + x
        return 2 * x

    report = gv.check(f, vjp=lambda g, x: 2 * g, inputs=X)
    assert report.ok
    (note,) = (note for v in report.verdicts if v.law == "same_answer_twice" for note in v.notes)
    assert note == (
        "count: every call of f moves it; left as it is, for it only counts; "
        "mean: every call of f moves it; put back after the check"
    )
    assert count[0] > 5
    assert not mean.any()


def test_no_numbers_of_an_oracle_stay_behind_during_a_check():
    held, kinds = {"mean": np.zeros(3)}, set()

    def f(x):
        kinds.add(np.asarray(held["mean"]).dtype.name)
        held["mean"] = 0.5 * held["mean"] + x
        return x * x

    assert gv.check(f, vjp=lambda g, x: 2 * g * x, inputs=X).ok
    assert kinds == {"float64"}  # and none that was complex, or an object, when the next call came


def test_a_layer_is_copied_for_every_call_and_stays_as_it_was():
    class Scale:
        seen = np.zeros(1)

        def __init__(self):
            self.W, self.rng = np.ones(3), np.random.default_rng(0)

        def forward(self, x):
            Scale.seen[0] += 1.0
            self.x, self.drawn = x, self.rng.random()
            return x * self.W

        def backward(self, g):
            self.dW = (g * self.x).sum(0)
            return g * self.W

    layer = Scale()
    before, state = dict(vars(layer)), layer.rng.bit_generator.state
    assert gv.check(layer, inputs=gv.Box("n 3")).ok
    assert vars(layer) == before
    assert layer.rng.bit_generator.state == state
    assert Scale.seen[0] == 0.0


def test_read_only_and_memory_mapped_arrays_are_left_alone(tmp_path):
    mapped, fixed, view = np.memmap(tmp_path / "m", float, "w+", shape=3), np.zeros(3), np.zeros(3)
    fixed.flags.writeable = False
    (holder,) = reached((lambda: (mapped, fixed, view),))
    assert holder.array is view


def test_large_arrays_are_neither_copied_nor_compared():
    large, small = np.zeros(reach.ENTRIES + 1), np.zeros(3)

    def f(x):
        large[0] += 1
        small[0] += 1
        return 2 * x

    with left_as_found((f,)):
        f(X)
    assert (large[0], small[0]) == (1.0, 0.0)
    many = [np.zeros(reach.ENTRIES // 4) for _ in range(6)]
    copied = sum(saved.size for _, saved in snapshot((lambda: many,)).held if isinstance(saved, np.ndarray))
    assert copied <= reach.ENTRIES


def test_no_more_than_so_many_things_are_looked_at_in_a_web_of_objects():
    class Node:
        pass

    nodes = [Node() for _ in range(5 * reach.THINGS)]
    for one, other in zip(nodes, nodes[1:] + nodes[:1], strict=True):
        one.next, one.first = other, nodes[0]
    first = nodes[0]
    assert reach.THINGS / 2 < len(reached((lambda: first,))) <= reach.THINGS


def test_libraries_and_our_own_modules_are_not_entered():
    def f(x):
        return gv.nn.softmax(np.linalg.norm(x) + np.random.default_rng(0).random(x.shape) + random.random())

    assert reached((f, gv.nn.softmax, np.linalg.norm, np.sin)) == []


def test_objects_that_refuse_to_be_looked_at_are_passed_over():
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __len__(self):
            raise RuntimeError

    class Frozen(dict):
        def __setitem__(self, key, value):
            raise TypeError

    odd, refusing, mean = Odd(), Frozen(a=1.0), np.zeros(3)

    def f(x):
        dict.__setitem__(refusing, "a", x)
        mean[:] = 1
        return odd, 2 * x

    with left_as_found((f,)):
        f(X)
    assert not mean.any()


def test_python_s_own_random_state_is_the_same_afterwards():
    before = random.getstate()
    gv.check(lambda x: x + 0 * random.random(), vjp=lambda g, x: g, inputs=X)
    assert random.getstate() == before

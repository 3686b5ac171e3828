"""What a target holds is found by name and form, and everything passed over has its reason."""

from __future__ import annotations

import pytest

from gradverify import Misuse, nn
from gradverify.adapters.discover import discover
from gradverify.adapters.subjects import subjects_of

CONTENTS = """
import numpy as np
from math import sqrt
import gradverify as gv
from gradverify.nn import softmax

def square(x): return x * x
def square_vjp(g, x): return 2 * g * x

def cube(x): return x ** 3
def cube_jvp(u, x): return 3 * u * x ** 2

def bowl(x): return (x * x).sum()
def bowl_grad(x): return 2 * x
def bowl_hess(x): return 2 * np.eye(x.size)

def saddle(x): return x[0] * x[1]
def grad_saddle(x): return x[::-1]

def affine_forward(x, w): return x @ w, (x, w)
def affine_backward(dout, cache): return dout @ cache[1].T, cache[0].T @ dout

def scale(x, s): return x * s
def scale_backward(g, x, s): return g * s, (g * x).sum()

def orphan_vjp(g, x): return g
def plain(x): return x

class Twice:
    def forward(self, x): return 2 * x
    def backward(self, g): return 2 * g

class Sized:
    def __init__(self, n): self.n = n
    def forward(self, x): return x
    def backward(self, g): return g

class Other: pass

own = gv.Subject("own", square, gv.Domain({"x": gv.Box("n")}), vjp=square_vjp)
"""


@pytest.fixture
def target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "things.py").write_text(CONTENTS)
    return "things.py"


def test_pairs_classes_and_subjects_are_found_in_every_form(target):
    held = discover(target)
    forms = {found.name: sorted(found.rules) for found in held.found}
    assert forms == {
        "square": ["vjp"], "cube": ["jvp"], "bowl": ["grad", "hess"], "saddle": ["grad"], "affine": ["backward"],
        "scale": ["vjp"], "Twice": [], "own": [],
    }  # fmt: skip


def test_what_is_passed_over_has_its_reason(target):
    skipped = "\n".join(discover(target).skipped)
    assert "orphan_vjp: there is no function orphan beside it" in skipped
    assert "plain: no derivative beside it" in skipped
    assert "Sized: Sized() raised TypeError" in skipped
    assert "Other: a class without forward and backward" in skipped
    assert "softmax" not in skipped  # imported, not defined there
    assert len(discover(target).skipped) == 4


def test_a_name_after_a_colon_picks_one_thing(target):
    assert [f.name for f in discover(f"{target}:Twice").found] == ["Twice"]
    with pytest.raises(Misuse, match=r"things.py:Other: Other: a class without forward and backward"):
        discover(f"{target}:Other")
    with pytest.raises(Misuse, match=r"there is no 'nothing' to check there. Found there: square,"):
        discover(f"{target}:nothing")


def test_witnesses_name_things_by_a_line_that_imports_them(target):
    named = {f.name: subjects_of(f.f, f.rules, f.request)[0][0] for f in discover(target).found}
    assert (named["square"].setup, named["square"].call) == ('m = gv.load("things.py")', "m.square, vjp=m.square_vjp")
    assert named["affine"].call == "m.affine_forward, backward=m.affine_backward"
    assert named["Twice"].call == "m.Twice()"
    assert named["own"].call == "m.own"


def test_a_dotted_module_is_imported_and_its_subjects_are_found():
    held = discover("gradverify.nn.functions")
    assert {f.f.name for f in held.found} == {op.name for op in nn.FUNCTIONS}
    assert held.found[0].f.setup == "import gradverify.nn.functions as m"


def test_a_torch_function_is_passed_over_by_name(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="torch is installed in the adapters' step of CI")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.py").write_text(
        "import torch\n\nclass Square(torch.autograd.Function):\n    forward = staticmethod(lambda ctx, x: x * x)\n"
        "    backward = staticmethod(lambda ctx, g: g)\n"
    )
    assert discover("t.py").skipped == ("Square: a torch.autograd.Function; these cannot be read yet",)


def test_a_subject_is_found_whatever_it_is_made_of_and_an_imported_one_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.py").write_text("""
import numpy as np
import gradverify as gv
from gradverify.nn import tanh, softmax as theirs
exp = gv.Subject("exp", np.exp, gv.Domain({"x": gv.Box("n")}), vjp=lambda g, x: g * np.exp(x))
""")
    assert [f.name for f in discover("made.py").found] == ["exp"]
    assert discover("made.py").skipped == ()


def test_decorated_functions_are_functions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decorated.py").write_text("""
import functools

@functools.lru_cache
def square(x): return x * x

@functools.singledispatch
def square_vjp(g, x): return 2 * g * x
""")
    (found,) = discover("decorated.py").found
    assert (found.name, sorted(found.rules)) == ("square", ["vjp"])

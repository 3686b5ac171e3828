"""The tree keeps its order: what may import what, what stays light, what is named, documented and never typed in.

Each rule is a function from sources or paths to the list of its breaches; each is tried on the real tree, where the
list is empty, and on a planted fault, where it is not.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

import gradverify

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "gradverify"

# DESIGN section 3, top to bottom: a module imports only what stands above it, or its own family.
CORE = (
    "_errors",
    "_floating",
    "_arrays",
    "_steps",
    "_vectors",
    "_domain",
    "_memory",
    "surroundings",
    "_subject",
    "_claim",
    "_law",
    "_chance",
    "_cause",
    "_render",  # above what it renders, so that str(report) works: it needs _verdict's types, not its code
    "_verdict",
    "judge",
    "_tally",
    "_method",
    "_apart",
    "_disagreement",
    "_examine",
)
FAMILIES = (
    "faults",
    "points",
    "oracles",
    "quantifiers",
    "kinks",
    "laws",
    "explain",
    "opinions",
    "floats",
    "sampling",
    "search",
    "symbolic",
    "theorems",
    "adapters",
    "nn",
)
DOORS = ("_check", "testing", "experiments", "embedded", "audit", "pytest_plugin", "cli", "__main__")
ORDER = CORE + FAMILIES + DOORS

# Where each outside library may be imported; "" is everywhere. A library that is not here has no home yet.
HOMES = {
    "numpy": ("",),
    "ml_dtypes": ("_floating",),
    "hypothesis": ("search", "testing"),
    "sympy": ("theorems",),
    "flint": ("symbolic", "theorems"),
    "mpmath": ("oracles.arbitrary",),
    "click": ("cli",),
    "rich": ("cli",),
    "torch": ("adapters.torch",),
    "jax": ("adapters.jax",),
    "sklearn": ("nn.data",),
    "matplotlib": ("experiments",),
    "joblib": ("experiments",),
    "threadpoolctl": ("experiments",),
    "pytest": ("testing", "pytest_plugin"),
}
HEAVY = frozenset({"numpy", "scipy", "sympy", "hypothesis", "flint", "torch", "jax", "sklearn", "matplotlib"})

Sources = Mapping[str, str]  # a file's path, relative to the tree's root, to its text


# The rules


def out_of_order(sources: Sources) -> list[str]:
    """A module imports only what stands above it, also inside functions; doors are below everything."""
    breaches = []
    for path, text in package(sources):
        here = module_of(path)
        place = place_of(here)
        if here == "":
            continue  # the package itself loads lazily, at the caller's request
        if place is None:
            breaches.append(
                f"{path}: {here} has no place in the order; name it in ORDER, between what it needs and its users."
            )
            continue
        for line, target in imports(path, text, modules(sources)):
            if not is_ours(target):
                continue
            there = target.removeprefix(PACKAGE).lstrip(".")
            other = place_of(there)
            if there == "":
                breaches.append(f"{path}:{line}: imports the package itself; import from the module that has the name.")
            elif other is None:
                breaches.append(f"{path}:{line}: imports {there}, which has no place in the order.")
            elif other > place:
                kind = "a door" if ORDER[other] in DOORS else "which stands below it"
                breaches.append(f"{path}:{line}: {here} imports {there}, {kind}; move the thing up, or pass it in.")
    return breaches


def cycles(sources: Sources) -> list[str]:
    """No module imports itself by way of others."""
    known = modules(sources)
    edges = {
        module_of(path): {t.removeprefix(PACKAGE).lstrip(".") for _, t in imports(path, text, known) if is_ours(t)}
        for path, text in package(sources)
        if module_of(path)
    }
    breaches, done = [], set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            breaches.append("a cycle of imports: " + " -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for other in sorted(edges.get(module, ())):
                walk(other, (*trail, module))
            done.add(module)

    for module in sorted(edges):
        walk(module, ())
    return breaches


def away_from_home(sources: Sources) -> list[str]:
    """Each outside library is imported in its one home."""
    breaches = []
    for path, text in package(sources):
        here = module_of(path)
        for line, target in imports(path, text, modules(sources)):
            library = target.split(".")[0]
            if library == PACKAGE or library in sys.stdlib_module_names:
                continue
            if library not in HOMES:
                breaches.append(
                    f"{path}:{line}: {library} has no home in the package; do without it, or give it one in HOMES."
                )
            elif not any(within(here, home) for home in HOMES[library]):
                breaches.append(
                    f"{path}:{line}: {library} is imported away from its home, {' and '.join(HOMES[library])}."
                )
    return breaches


def loaded(code: str, forbidden: Iterable[str], where: Path = ROOT) -> list[str]:
    """Which forbidden libraries a fresh interpreter loads when it runs this code."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=where, capture_output=True, text=True, timeout=120
    )
    names = {
        line.rsplit("|", 1)[1].strip().split(".")[0]
        for line in run.stderr.splitlines()
        if line.startswith("import time:")
    }
    if run.returncode:
        other = "\n".join(line for line in run.stderr.splitlines() if not line.startswith("import time:"))
        return [f"{code!r} ended with {run.returncode}: {other[-600:]}"]
    return [f"{code!r} loads {name}; import it where it is used." for name in sorted(names & set(forbidden))]


def badly_exported(init: str, table: Mapping[str, str], names: Iterable[str], package: object) -> list[str]:
    """Exports, table of homes and what type checkers are shown agree; each name resolves and has a docstring."""
    shown = {
        alias.asname or alias.name: (node.module or "").removeprefix(PACKAGE).lstrip(".")
        for guard in ast.walk(ast.parse(init))
        if isinstance(guard, ast.If) and is_for_type_checkers(guard)
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    wanted = {name: table.get(name, "") for name in names}
    breaches = [f"{name}: in the table but not exported." for name in table if name not in wanted]
    breaches += [f"{name}: shown to type checkers but not exported." for name in shown if name not in wanted]
    for name, home in wanted.items():
        if shown.get(name) != home:
            breaches.append(
                f"{name}: type checkers are shown {shown.get(name)!r} as its home, the table says {home!r}."
            )
        try:
            thing = getattr(package, name)
        except (AttributeError, ImportError) as failure:
            breaches.append(f"{name}: does not resolve: {failure}")
            continue
        if not says_what_it_is(thing):
            breaches.append(f"{name}: has no docstring.")
    return breaches


def without_a_sentence(sources: Sources) -> list[str]:
    """Every file's first line is a docstring that ends in a full sentence."""
    breaches = []
    for path, text in sources.items():
        doc = ast.get_docstring(ast.parse(text))
        first = (doc or "").split("\n\n")[0].rstrip()
        if doc is None or not text.startswith(('"""', 'r"""')):
            breaches.append(f"{path}:1: does not begin with a docstring; say in it what is true of this file.")
        elif not first.endswith("."):
            breaches.append(f"{path}:1: the first line {first!r} is not a full sentence with its full stop.")
    return breaches


def evaluates_text(sources: Sources) -> list[str]:
    """No text is evaluated, and nothing is unpickled."""
    breaches = []
    for path, text in package(sources):
        found = []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name) and node.id in {"eval", "exec", "sympify", "parse_expr", "__import__"}:
                found.append((node.lineno, node.id))
            elif isinstance(node, ast.Attribute) and (
                node.attr in {"sympify", "parse_expr"}
                or (node.attr in {"eval", "exec"} and isinstance(node.value, ast.Name) and node.value.id == "builtins")
            ):
                found.append((node.lineno, node.attr))
            elif isinstance(node, ast.ImportFrom):
                found += [(node.lineno, a.name) for a in node.names if a.name in {"sympify", "parse_expr"}]
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not is_constant(node.value, False):
                found.append((node.value.lineno, "allow_pickle"))
        found += [
            (line, target)
            for line, target in imports(path, text, frozenset())
            if target.split(".")[0] in {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
        ]
        breaches += [
            f"{path}:{line}: {what} turns text or bytes into code; build the object instead." for line, what in found
        ]
    return breaches


def says_nothing(paths: Iterable[str]) -> list[str]:
    """No file or folder is a drawer."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    return [
        f"{path}: a thing that two places need has a name; find it."
        for path in paths
        if any(part.removesuffix(".py").strip("_") in drawers for part in Path(path).parts)
    ]


def typed_in(sources: Sources) -> list[str]:
    """No tolerance is typed in outside judge/, nor taken from allclose, which has one typed in."""
    named = re.compile(r"(^|_)([ra]?tols?|tolerances?)(_|$)", re.IGNORECASE)
    breaches = []
    for path, text in package(sources):
        if module_of(path).split(".")[0] == "judge":
            continue
        found: list[tuple[int, str]] = []
        for node in ast.walk(ast.parse(text)):
            for name, value in given_values(node):
                if named.search(name) and any(is_small(part) for part in ast.walk(value)):
                    found.append((value.lineno, name))
            if isinstance(node, ast.Name | ast.Attribute):
                name = node.id if isinstance(node, ast.Name) else node.attr
                if name in {"allclose", "isclose", "assert_allclose", "assert_almost_equal"}:
                    found.append((node.lineno, name))
        breaches += [
            f"{path}:{line}: {name} is typed in; ask which error it stands for, and let the judge weigh it."
            for line, name in found
        ]
    return breaches


# What the rules lean on


def package(sources: Sources) -> Iterator[tuple[str, str]]:
    return ((path, text) for path, text in sources.items() if path.startswith(PACKAGE + "/"))


def module_of(path: str) -> str:
    """ "gradverify/nn/losses.py" is nn.losses, "gradverify/nn/__init__.py" is nn, the package itself is ""."""
    parts = Path(path).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1:] == ("__init__",) else parts)


def modules(sources: Sources) -> frozenset[str]:
    return frozenset(module_of(path) for path, _ in package(sources))


def place_of(module: str) -> int | None:
    top = module.split(".")[0]
    return ORDER.index(top) if top in ORDER else None


def within(module: str, home: str) -> bool:
    return home == "" or module == home or module.startswith(home + ".")


def is_ours(target: str) -> bool:
    return target.split(".")[0] == PACKAGE


def imports(path: str, text: str, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that a file imports at run time, in functions and by import_module too."""
    here = f"{PACKAGE}.{module_of(path)}".rstrip(".")
    parent = here if path.endswith("__init__.py") else here.rpartition(".")[0]
    for node in run_time(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parent.split(".")[: len(parent.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                if source == PACKAGE and alias.name in gradverify._HOME:
                    yield node.lineno, f"{PACKAGE}.{gradverify._HOME[alias.name]}"
                elif source == PACKAGE and alias.name == "__version__":
                    continue  # a word of the package's own, which loads nothing
                elif is_ours(inner) and inner.removeprefix(PACKAGE + ".") in known:
                    yield node.lineno, inner
                else:
                    yield node.lineno, source
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "importorskip", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below this one that can run: all but what stands under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_for_type_checkers(child):
            for other in child.orelse:
                yield other
                yield from run_time(other)
        else:
            yield child
            yield from run_time(child)


def is_for_type_checkers(guard: ast.If) -> bool:
    return ast.unparse(guard.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def given_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a node gives a value to: keywords, assignments, defaults and keys."""
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if node.value is not None and isinstance(target, ast.Name | ast.Attribute):
                yield (target.id if isinstance(target, ast.Name) else target.attr), node.value
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        yield from (
            (a.arg, d) for a, d in zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)
        )
        yield from ((a.arg, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d is not None)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


def is_small(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < 1


def is_constant(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def says_what_it_is(thing: object) -> bool:
    doc = getattr(thing, "__doc__", None) or ""
    if isinstance(thing, type):
        generated = doc.startswith(f"{thing.__name__}(")  # what dataclass writes where nothing is said
        return "__doc__" in vars(thing) and bool(doc.strip()) and not generated
    return bool(doc.strip())


@cache
def tree() -> dict[str, str]:
    """The package and its tests as they are."""
    found = [*(ROOT / PACKAGE).rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(found)}


# The real tree


SOURCE_RULES = (out_of_order, cycles, away_from_home, without_a_sentence, evaluates_text, says_nothing, typed_in)


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule: Callable[[Sources], list[str]]) -> None:
    breaches = rule(tree())
    assert not breaches, "\n" + "\n".join(breaches)


def test_the_rules_see_the_tree() -> None:
    """An empty list of breaches stands beside what was looked at."""
    assert set(CORE) <= modules(tree())
    edges = [t for path, text in package(tree()) for _, t in imports(path, text, modules(tree())) if is_ours(t)]
    assert len(edges) > len(CORE)
    assert any(path.startswith("tests/") for path in tree())


def test_importing_gradverify_loads_nothing_heavy() -> None:
    assert not loaded("import gradverify; gradverify.__version__; dir(gradverify)", HEAVY)


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['gradverify', '--help']; from gradverify.cli import main; sys.exit(main())"
    assert not loaded(code, HEAVY)


def test_public_names_resolve_and_say_what_they_are() -> None:
    breaches = badly_exported(tree()["gradverify/__init__.py"], gradverify._HOME, gradverify.__all__, gradverify)
    assert not breaches, "\n" + "\n".join(breaches)


def test_a_family_exports_only_what_says_what_it_is() -> None:
    breaches = []
    families = [path for path, _ in package(tree()) if path.count("/") == 2 and path.endswith("__init__.py")]
    for path in families:
        if module_of(path) == "adapters":
            continue  # loads frameworks, which may not be installed
        family = importlib.import_module(f"{PACKAGE}.{module_of(path)}")
        things = [(name, getattr(family, name, None)) for name in getattr(family, "__all__", ())]
        breaches += [
            f"{path}: {name} has no docstring, or does not resolve."
            for name, thing in things
            if thing is None or ((inspect.isroutine(thing) or inspect.isclass(thing)) and not says_what_it_is(thing))
        ]
    assert not breaches, "\n" + "\n".join(breaches)


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(AttributeError, match=r"gradverify has no 'chek'; its public names are At, Box, .*check"):
        gradverify.chek  # type: ignore[attr-defined]  # noqa: B018


def test_dir_lists_the_public_names() -> None:
    assert set(gradverify.__all__) <= set(dir(gradverify))


# Planted faults: (rule, what stands in the tree, what the message must say; None where the rule must stay silent)

DOC = '"""A file."""\n'
PLANTED: tuple[tuple[Callable[[Sources], list[str]], Sources, str | None], ...] = (
    (
        out_of_order,
        {"gradverify/_errors.py": "from gradverify._vectors import Vectors"},
        "_errors imports _vectors, which stands below",
    ),
    (
        out_of_order,
        {"gradverify/_law.py": "def f():\n    import gradverify.nn.losses"},
        "_law.py:2: _law imports nn.losses",
    ),
    (out_of_order, {"gradverify/nn/net.py": "from gradverify._check import check"}, "imports _check, a door"),
    (out_of_order, {"gradverify/nn/net.py": "from gradverify import check"}, "imports _check, a door"),
    (out_of_order, {"gradverify/_law.py": "from . import nn", "gradverify/nn/__init__.py": ""}, "_law imports nn"),
    (
        out_of_order,
        {"gradverify/_law.py": "import importlib\nimportlib.import_module('gradverify.nn')"},
        "_law imports nn",
    ),
    (out_of_order, {"gradverify/testing.py": "import gradverify.cli"}, "testing imports cli, a door"),
    (out_of_order, {"gradverify/nn/net.py": "import gradverify as gv"}, "imports the package itself"),
    (out_of_order, {"gradverify/spare.py": ""}, "spare has no place in the order"),
    (out_of_order, {"gradverify/_law.py": "import gradverify.spare"}, "imports spare, which has no place"),
    (out_of_order, {"gradverify/_law.py": "if TYPE_CHECKING:\n    from gradverify.nn import x"}, None),
    (
        out_of_order,
        {"gradverify/_law.py": "if TYPE_CHECKING:\n    pass\nelse:\n    import gradverify.nn"},
        "_law imports nn",
    ),
    (
        out_of_order,
        {"gradverify/cli.py": "from gradverify import __version__, check\nimport gradverify.experiments"},
        None,
    ),
    (out_of_order, {"gradverify/nn/net.py": "from gradverify.nn.losses import x\nfrom ..laws import y"}, None),
    (
        cycles,
        {
            "gradverify/nn/a.py": "import gradverify.nn.b",
            "gradverify/nn/b.py": "def f():\n    from gradverify.nn import a",
        },
        "nn.a -> nn.b -> nn.a",
    ),
    (
        cycles,
        {
            "gradverify/nn/__init__.py": "from gradverify.nn.a import x",
            "gradverify/nn/a.py": "from gradverify.nn import y",
        },
        "nn -> nn.a -> nn",
    ),
    (
        cycles,
        {
            "gradverify/nn/a.py": "import gradverify.nn.b",
            "gradverify/nn/b.py": "if TYPE_CHECKING:\n    import gradverify.nn.a",
        },
        None,
    ),
    (
        away_from_home,
        {"gradverify/_law.py": "from hypothesis import given"},
        "hypothesis is imported away from its home, search and testing",
    ),
    (away_from_home, {"gradverify/nn/a.py": "def f():\n    import sympy.core"}, "a.py:2: sympy is imported away"),
    (away_from_home, {"gradverify/oracles/a.py": "import flint"}, "flint is imported away"),
    (away_from_home, {"gradverify/_render.py": "import rich.table"}, "rich is imported away"),
    (away_from_home, {"gradverify/adapters/jax.py": "import torch"}, "torch is imported away"),
    (away_from_home, {"gradverify/adapters/torch.py": "from jax import numpy"}, "jax is imported away"),
    (away_from_home, {"gradverify/nn/trainer.py": "from sklearn import datasets"}, "sklearn is imported away"),
    (away_from_home, {"gradverify/nn/trainer.py": "import matplotlib.pyplot as plt"}, "matplotlib is imported away"),
    (away_from_home, {"gradverify/nn/trainer.py": "import pandas"}, "pandas has no home"),
    (away_from_home, {"gradverify/adapters/torch.py": "import torch\nimport numpy as np\nimport sys"}, None),
    (without_a_sentence, {"tests/test_a.py": "import os\n"}, "does not begin with a docstring"),
    (without_a_sentence, {"gradverify/a.py": ""}, "does not begin with a docstring"),
    (without_a_sentence, {"gradverify/a.py": '# a comment\n"""A file."""\n'}, "does not begin with a docstring"),
    (without_a_sentence, {"gradverify/a.py": '"""losses"""\n'}, "'losses' is not a full sentence"),
    (without_a_sentence, {"gradverify/a.py": DOC}, None),
    (evaluates_text, {"gradverify/a.py": "x = eval('1')"}, "eval turns text"),
    (evaluates_text, {"gradverify/a.py": "run = exec"}, "exec turns text"),
    (evaluates_text, {"gradverify/a.py": "import builtins\nbuiltins.eval('1')"}, "a.py:2: eval turns text"),
    (evaluates_text, {"gradverify/a.py": "def f():\n    import pickle"}, "pickle turns text"),
    (evaluates_text, {"gradverify/a.py": "from pickle import loads"}, "pickle turns text"),
    (evaluates_text, {"gradverify/a.py": "np.load(p, allow_pickle=True)"}, "allow_pickle turns text"),
    (evaluates_text, {"gradverify/symbolic/a.py": "sp.sympify('x')"}, "sympify turns text"),
    (evaluates_text, {"gradverify/symbolic/a.py": "from sympy import sympify as s"}, "sympify turns text"),
    (evaluates_text, {"gradverify/a.py": "module.eval()\nnp.load(p, allow_pickle=False)"}, None),
    (says_nothing, {"gradverify/utils.py": ""}, "utils.py: a thing that two places need has a name"),
    (says_nothing, {"tests/_helpers/a.py": ""}, "has a name; find it"),
    (says_nothing, {"gradverify/common_factor.py": ""}, None),
    (typed_in, {"gradverify/a.py": "f(x, rtol=1e-6)"}, "rtol is typed in"),
    (typed_in, {"gradverify/a.py": "def f(x, *, atol: float = 1e-8): ..."}, "atol is typed in"),
    (typed_in, {"gradverify/a.py": "def f(x, tol=1e-8, y=2): ..."}, "tol is typed in"),
    (typed_in, {"gradverify/a.py": "SLOPE_TOL = 10 * 1e-9"}, "SLOPE_TOL is typed in"),
    (typed_in, {"gradverify/a.py": "self.tolerance: float = 1e-9"}, "tolerance is typed in"),
    (typed_in, {"gradverify/a.py": "f(**{'rtol': 1e-3})"}, "rtol is typed in"),
    (typed_in, {"gradverify/a.py": "np.allclose(x, y)"}, "allclose is typed in"),
    (typed_in, {"gradverify/judge/numbers.py": "tol = 1e-9", "gradverify/a.py": "stool = 1e-9; f(rtol=bar)"}, None),
)


@pytest.mark.parametrize(("rule", "sources", "message"), PLANTED)
def test_a_planted_fault_is_seen(rule: Callable[[Sources], list[str]], sources: Sources, message: str | None) -> None:
    breaches = rule(sources)
    if message is None:
        assert not breaches
    else:
        assert any(message in breach for breach in breaches), breaches


def test_every_rule_is_seen_to_trip_and_to_stay_silent() -> None:
    for rule in SOURCE_RULES:
        assert {message is None for r, _, message in PLANTED if r is rule} == {True, False}, rule.__name__


def test_a_heavy_import_is_seen(tmp_path: Path) -> None:
    (tmp_path / "gradverify").mkdir()
    (tmp_path / "gradverify" / "__init__.py").write_text("import numpy.linalg\n")
    assert loaded("import sys; sys.path.insert(0, '.'); import gradverify", HEAVY, tmp_path) == [
        "\"import sys; sys.path.insert(0, '.'); import gradverify\" loads numpy; import it where it is used."
    ]
    assert not loaded("import json", HEAVY)
    assert "ended with 1: " in loaded("import no_such_module", HEAVY)[0]


EXPORTING = "if TYPE_CHECKING:\n    from gradverify._law import law\n"


def documented() -> None:
    """A thing with a docstring."""


class Bare:
    pass


@pytest.mark.parametrize(
    ("init", "table", "names", "thing", "message"),
    [
        (EXPORTING, {"law": "_law"}, ["law"], documented, None),
        (EXPORTING, {"law": "_law"}, ["law"], lambda: None, "law: has no docstring."),
        (EXPORTING, {"law": "_law"}, ["law"], Bare, "law: has no docstring."),
        (
            EXPORTING,
            {"law": "_claim"},
            ["law"],
            documented,
            "law: type checkers are shown '_law' as its home, the table says '_claim'.",
        ),
        ("", {"law": "_law"}, ["law"], documented, "law: type checkers are shown None"),
        (EXPORTING, {"law": "_law"}, [], documented, "law: in the table but not exported."),
        (EXPORTING, {}, [], documented, "law: shown to type checkers but not exported."),
        (EXPORTING, {"law": "_law"}, ["law", "missing"], documented, "missing: does not resolve"),
    ],
)
def test_a_bad_export_is_seen(
    init: str, table: dict[str, str], names: list[str], thing: object, message: str | None
) -> None:
    breaches = badly_exported(init, table, names, SimpleNamespace(law=thing))
    if message is None:
        assert not breaches
    else:
        assert any(breach.startswith(message) for breach in breaches), breaches


# The guards of conftest.py


def test_the_network_is_out_of_reach() -> None:
    with socket.socket() as plug, pytest.raises(RuntimeError, match=r"tried to reach \('127.0.0.1', 9\)"):
        plug.connect(("127.0.0.1", 9))
    with pytest.raises(RuntimeError, match="looked up 'localhost'"):
        socket.create_connection(("localhost", 9))


def test_the_formalities_come_first() -> None:
    from conftest import pytest_collection_modifyitems

    items = [SimpleNamespace(path=Path(name)) for name in ("test_a.py", "test_formalities.py", "test_b.py")]
    pytest_collection_modifyitems(items)  # type: ignore[arg-type]
    assert [item.path.name for item in items] == ["test_formalities.py", "test_a.py", "test_b.py"]

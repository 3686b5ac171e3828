"""What a target holds: the complete pairs, layers and Subjects that it defines, and what was passed over."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from gradverify._errors import Misuse
from gradverify._subject import Subject
from gradverify.adapters.subjects import Request
from gradverify.explain.witness import load

RULES = ("vjp", "jvp", "jac", "grad", "hess", "hessp", "backward")  # f_vjp, f_grad ...
LEADING = ("grad", "jac", "hess")  # grad_f, hess_f
CACHES = ("cache", "ctx", "context", "memo", "saved", "state")  # how a second argument of backward is called


@dataclass(frozen=True)
class Found:
    """One thing to check: its name, the function (or object, or Subject) and the rules found beside it."""

    name: str
    f: Any
    rules: Mapping[str, Callable[..., Any]]
    request: Request


@dataclass(frozen=True)
class Target:
    """What is to be checked in a target, and each thing passed over with its reason."""

    found: tuple[Found, ...]
    skipped: tuple[str, ...]


def discover(target: str, request: Request | None = None) -> Target:
    """The contents of ``file.py``, ``package.module``, ``file.py:name`` or ``package.module:name``.

    Raises Misuse where there is no such file, module or name, or where its own code fails on import.
    """
    place, _, name = target.rpartition(":") if ":" in target else (target, "", "")
    if not place or not name.isidentifier():
        place, name = target, ""
    module, setup = _module(place)
    asked = replace(request or Request(), prefix="m.", setup=setup)
    contents = tuple(_contents(module, asked))
    found = [item for item in contents if isinstance(item, Found)]
    skipped = [item for item in contents if isinstance(item, str)]
    if name:
        found = [f for f in found if name in (f.name, getattr(f.f, "__name__", ""))]
        if not found:
            reason = next((s for s in skipped if s.startswith(f"{name}:")), None)
            there = ", ".join(item.name for item in contents if isinstance(item, Found)) or "nothing to check"
            raise Misuse(f"{target}: {reason or f'there is no {name!r} to check there'}. Found there: {there}.")
        skipped = []
    return Target(tuple(found), tuple(skipped))


def _module(place: str) -> tuple[ModuleType, str]:
    """The module, and the line by which a witness gets it; both find what lies where they stand, as python -c does."""
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
    if place.endswith(".py") or "/" in place or Path(place).is_file():
        get: Callable[[str], ModuleType] = load
        setup = f"m = gv.load({_quoted(place)})"
    elif all(part.isidentifier() for part in place.split(".")):
        get, setup = importlib.import_module, f"import {place} as m"
    else:
        raise Misuse(f"{place}: give a Python file or a dotted module name, with :name for one thing in it.")
    try:
        try:
            return get(place), setup
        except ModuleNotFoundError as missing:
            folder = str(Path(place).parent)
            if get is not load or not _lies_in(folder, missing.name) or folder in sys.path:
                raise
            sys.path.insert(0, folder)  # what it imports lies beside it, where python file.py would look
            return get(place), f"import sys; sys.path.insert(0, {_quoted(folder)}); {setup}"
    except Misuse:
        raise
    except ModuleNotFoundError as missing:
        if get is not load and missing.name and f"{place}.".startswith(f"{missing.name}."):
            raise Misuse(f"{place}: there is no such file, and no module of this name can be imported.") from None
        raise Misuse(f"{place}: it imports {missing.name}, which is not installed here.") from missing
    except (Exception, SystemExit) as failure:
        raise Misuse(f"{place}: importing it raised {_told(failure)} ({_where(failure, place)}).") from failure


def _quoted(text: str) -> str:
    """Python text of a string, in the double quotes that the rest of a witness uses."""
    return json.dumps(text, ensure_ascii=False)


def _lies_in(folder: str, name: str | None) -> bool:
    first = Path(folder, (name or "").partition(".")[0])
    return first.with_name(f"{first.name}.py").is_file() or first.is_dir()


def _told(failure: BaseException) -> str:
    """What was raised and what it says, even where saying it raises."""
    try:
        said = str(failure.msg if isinstance(failure, SyntaxError) else failure)
    except Exception:
        said = "(it cannot say what)"
    return f"{type(failure).__name__}: {said}" if said else type(failure).__name__


def _where(failure: BaseException, place: str) -> str:
    """The last line of the user's own that was running."""
    if isinstance(failure, SyntaxError) and failure.filename:
        return f"{Path(failure.filename).name}, line {failure.lineno}"
    trail = traceback.extract_tb(failure.__traceback__)
    ours = str(Path(__file__).resolve().parents[1])
    own = [f for f in trail if _is_here(f.filename) or Path(f.filename).resolve() == Path(place).resolve()]
    last = next((f for f in reversed(own) if not f.filename.startswith(ours)), trail[-1])
    return f"{Path(last.filename).name}, line {last.lineno}"


def _is_here(filename: str) -> bool:
    """Is it a file below where we stand, and not an installed one?"""
    path = Path(filename)
    return path.is_file() and path.resolve().is_relative_to(Path.cwd()) and "site-packages" not in path.parts


def _contents(module: ModuleType, request: Request) -> Iterator[Found | str]:
    """In the order of definition: what is to be checked, and reasons for the rest."""
    own = {n: v for n, v in vars(module).items() if _defined_in(v, module)}
    for name in _imported(module):
        if isinstance(own.get(name), Subject):
            del own[name]
    functions = {n: v for n, v in own.items() if _is_function(v)}
    bases = {n: _rules_of(n, functions) for n in functions}
    taken = {rule for rules in bases.values() for rule in rules.values()}
    for name, value in own.items():
        if isinstance(value, Subject):
            yield Found(name, replace(value, call=f"m.{name}", setup=request.setup), {}, request)
        elif isinstance(value, type):
            yield _layer(name, value, request)
        elif name in taken:
            continue
        elif bases.get(name):
            rules = {rule: functions[n] for rule, n in bases[name].items()}
            yield _pair(name, functions[name], rules, request)
        elif name in functions:
            yield _alone(name)


def _imported(module: ModuleType) -> set[str]:
    """The names that the module's own source imports: a Subject does not say where it was made."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        return set()
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in statements for alias in node.names}


def _defined_in(value: Any, module: ModuleType) -> bool:
    if isinstance(value, Subject):
        return True
    return (isinstance(value, type) or _is_function(value)) and value.__module__ == module.__name__


def _is_function(value: Any) -> bool:
    """A function, or what a decorator made of one and says so (functools.wraps, lru_cache)."""
    if isinstance(value, FunctionType):
        return True
    return callable(value) and not isinstance(value, type) and isinstance(_wrapped(value), FunctionType)


def _wrapped(value: Any) -> Any:
    return getattr(value, "__dict__", {}).get("__wrapped__")


def _rules_of(name: str, functions: Mapping[str, Any]) -> dict[str, str]:
    """The rules beside a function, by their names: softmax_vjp, grad_softmax; for softmax_forward, softmax_backward."""
    base = name.removesuffix("_forward")
    if any(name.endswith(f"_{rule}") and name.removesuffix(f"_{rule}") in functions for rule in RULES):
        return {}
    found = {rule: f"{base}_{rule}" for rule in RULES if f"{base}_{rule}" in functions}
    found |= {rule: f"{rule}_{base}" for rule in LEADING if f"{rule}_{base}" in functions and rule not in found}
    if "grad" in found and "jac" in found:
        del found["jac"]
    return found


def _pair(name: str, f: Any, rules: dict[str, Any], request: Request) -> Found | str:
    """The function with its rules; ``backward`` is one of two forms, told by what it takes."""
    if "backward" in rules and len(rules) > 1:
        del rules["backward"]
    if "backward" in rules and not _takes_cache(f, rules["backward"]):
        rules = {"vjp": rules["backward"]}
    if ("hess" in rules or "hessp" in rules) and not {"grad", "jac"} & set(rules):
        return f"{name}: its Hessian is checked against its gradient; write {name}_grad beside it"
    return Found(name.removesuffix("_forward"), f, rules, replace(request, name=name))


def _takes_cache(f: Any, backward: Any) -> bool:
    """Is it ``backward(dout, cache)``, rather than ``backward(g, *inputs)``?"""
    taken, given = (list(inspect.signature(h).parameters) for h in (f, backward))
    if len(given) != 2:
        return False
    return given[1] not in taken or given[1].lower() in CACHES


def _layer(name: str, kind: type, request: Request) -> Found | str:
    """A class with forward and backward, by an object made without arguments."""
    bases = {f"{b.__module__}.{b.__name__}" for b in kind.__mro__}
    if any(b.startswith("torch.autograd") for b in bases):
        return f"{name}: a torch.autograd.Function; these cannot be read yet"
    if not (callable(getattr(kind, "forward", None)) and callable(getattr(kind, "backward", None))):
        return f"{name}: a class without forward and backward"
    try:
        layer = kind()
    except Exception as failure:
        return f"{name}: {name}() raised {_told(failure)}; give every argument a default, or check an object"
    return Found(name, layer, {}, replace(request, name=name))


def _alone(name: str) -> str:
    for rule in RULES:
        if name.endswith(f"_{rule}"):
            base = name.removesuffix(f"_{rule}")
            return f"{name}: there is no function {base} beside it"
    return f"{name}: no derivative beside it ({name}_vjp, {name}_backward, {name}_grad ...)"

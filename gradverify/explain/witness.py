"""A witness is a line that reproduces a failure exactly when pasted: every number prints with every bit."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._errors import Misuse
from gradverify._floating import BFLOAT16, is_floating, typed
from gradverify._subject import Subject

LONGEST = 400  # entries written out in full; beyond that the line names the seed that draws them


def sparse(shape: tuple[int, ...], entries: Mapping[tuple[int, ...], complex], *, dtype: Any = "float64") -> Array:
    """An array of zeros with these entries: ``gv.sparse((32, 10), {(3, 7): 710.0}, dtype="float32")``."""
    out = np.zeros(shape, typed(dtype))
    for index, value in entries.items():
        out[index] = value
    return out


def load(path: str) -> ModuleType:
    """The module in this Python file, run once; raises Misuse where there is no such file."""
    file = Path(path)
    if not file.is_file():
        raise Misuse(f"load({path!r}): there is no such file; give the path of a Python file, from where you stand.")
    name = f"_gradverify_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Misuse(f"load({path!r}): this is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def written(a: Array) -> int:
    """How many of its entries the text of an array has to name."""
    return 1 if _constant(a) else len(_kept(a)) if _sparse(a) else a.size


def _constant(a: Array) -> bool:
    """Is every entry of an array that is not small the same, bit for bit?"""
    return a.size > 8 and a.tobytes() == a.reshape(-1)[:1].tobytes() * a.size


def _kept(a: Array) -> Array:
    """The places of the entries that are not a plain 0."""
    if a.dtype.kind == "c":
        return np.argwhere((a != 0) | np.signbit(a.real) | np.signbit(a.imag))
    return np.argwhere((a != 0) | np.signbit(a)) if is_floating(a.dtype) else np.argwhere(a != 0)


def _sparse(a: Array) -> bool:
    return a.size > 8 and 3 * len(_kept(a)) <= a.size


def literal(a: Array) -> str:
    """Python text that makes this array again, bit for bit; ``np`` and ``gv`` are the two names it uses."""
    a = np.asarray(a)
    kind = "" if a.dtype == np.float64 and a.size else f', "{a.dtype.name}"'
    if not a.size or (_constant(a) and not len(_kept(a))):
        return f"np.zeros({a.shape}{kind})"
    if _constant(a):
        return f"np.full({a.shape}, {_number(a.reshape(-1)[0])}{kind})"
    if _sparse(a):
        entries = ", ".join(f"{tuple(int(n) for n in i)}: {_number(a[tuple(i)])}" for i in _kept(a))
        return f'gv.sparse({a.shape}, {{{entries}}}, dtype="{a.dtype.name}")'
    return f"np.array({_nested(a)}{kind})"


def _nested(a: Array) -> str:
    return f"[{', '.join(map(_nested, a))}]" if a.ndim else _number(a[()])


def _number(value: Any) -> str:
    """The shortest digits that give this number back in its own type."""
    if isinstance(value, np.complexfloating):
        return _complex_number(*map(_number, (value.real, value.imag)))
    if not is_floating(np.asarray(value).dtype):
        return repr(value.item() if isinstance(value, np.generic) else value)
    if not np.isfinite(value):
        return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    short = str(value)
    return short if type(value)(float(short)) == value else repr(float(value))


def _complex_number(real: str, imag: str) -> str:
    """a+bj, or a call where that sum would lose the sign of a zero, or an infinity."""
    if {"-0.0", "np.nan", "np.inf", "-np.inf"} & {real, imag}:
        return f"complex({real}, {imag})"
    return f"{real}{'' if imag.startswith('-') else '+'}{imag}j"


def witness(subject: Subject, law: str, x: tuple[Array, ...], v: tuple[Array, ...], seed: int) -> str:
    """The line: imports, the subject as the user named it, exactly these inputs and this cotangent."""
    if subject.form is not None:
        x, v = subject.form.given(x, v)
    if sum(map(written, (*x, *v))) > LONGEST:
        return f'# too large to write out: run the same check again with seed={seed} and laws="{law}"'
    setup = "import ml_dtypes; " if any(a.dtype.name == BFLOAT16 for a in (*x, *v)) else ""
    setup += f"{subject.setup}; " if subject.setup else ""
    inputs = literal(x[0]) if len(x) == 1 else f"({', '.join(map(literal, x))})"
    keywords = [f"inputs={inputs}"]
    if v:
        keywords.append(f"cotangent={literal(v[0]) if len(v) == 1 else '(' + ', '.join(map(literal, v)) + ')'}")
    if subject.at:
        keywords.append(f"options={{{', '.join(f'{k!r}: [{_option(o, subject)}]' for k, o in subject.at.items())}}}")
    keywords += [f'laws="{law}"', f"seed={seed}"]
    call = f"gv.check({subject.call or subject.name}, {', '.join(keywords)}).require()"
    return f"import gradverify as gv, numpy as np; {setup}{call}"


def _option(value: Any, subject: Subject) -> str:
    """Python text of an option's value: a member of an enumeration by name, from where the subject is."""
    if isinstance(value, Enum):
        home = "m." if subject.call.startswith("m.") else ""
        return f"{home}{type(value).__qualname__}.{value.name}"
    if callable(value) and (name := getattr(value, "__name__", "")).isidentifier():
        return f"np.{name}" if getattr(np, name, None) is value else name
    return literal(value) if isinstance(value, np.ndarray) else repr(value)

"""The numbers written in a function's own source are where it branches: thresholds, margins, epsilons."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

MOST = 24  # literals kept, in order of appearance


def literals(*functions: Callable[..., Any] | None) -> tuple[float, ...]:
    """Constants of the code, defaults, closures and module numbers; those of functions it calls beside it too."""
    seen: dict[float, None] = {}
    visited: set[int] = set()
    for function in functions:
        for number in _numbers(function, visited, 0):
            if number == number and abs(number) < 1e300:
                seen.setdefault(float(number))
    return tuple(seen)[:MOST]


def _numbers(function: Any, visited: set[int], depth: int) -> Iterator[float]:
    function = getattr(function, "func", function)
    function = getattr(function, "__wrapped__", function)
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or id(function) in visited or depth > 3:
        return
    visited.add(id(function))
    yield from _constants(function.__code__)
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        if _is_number(default):
            yield default
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # a cell not filled yet
            continue
    used = [function.__globals__.get(name) for name in function.__code__.co_names]
    for value in (*cells, *used):
        if _is_number(value):
            yield value
        elif isinstance(value, types.FunctionType) and value.__module__ == function.__module__:
            yield from _numbers(value, visited, depth + 1)


def _constants(code: types.CodeType) -> Iterator[float]:
    for constant in code.co_consts:
        if _is_number(constant):
            yield constant
        elif isinstance(constant, types.CodeType):
            yield from _constants(constant)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

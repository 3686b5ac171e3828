"""A rule that returns a whole matrix (jac=, grad=, hess=) becomes a pullback; a Hessian is the gradient's Jacobian."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradverify._arrays import Array, clone
from gradverify._domain import Domain
from gradverify._errors import Misuse
from gradverify._subject import Broken, Subject, outputs
from gradverify._vectors import Vectors
from gradverify.adapters.numpy import accepts, with_args
from gradverify.points import literals

Function = Callable[..., Any]
Index = tuple[int, ...]


def jacobian(
    f: Function,
    *,
    name: str,
    domain: Domain,
    jac: Function,
    args: tuple[Any, ...] = (),
    call: str = "",
    word: str = "jac",
    hermitian: bool = True,
) -> Subject:
    """``f`` with ``jac(*inputs, *args)``: the gradient of a scalar f, the Jacobian (m, n) of a vector f.

    A tuple of these for several inputs, or several outputs; a tuple for each output for both. A Jacobian may
    also have the output's shape followed by the input's, or be sparse (anything with ``toarray``). That of a complex
    value is J with dy = J dz; ``hermitian`` says whether its pullback is conj(J)' g or J' g.
    """
    accepts(f, len(domain.names) + len(args), name)
    accepts(jac, len(domain.names) + len(args), f"{name}'s {word}")
    matrix = Matrix(with_args(f, args), with_args(jac, args), word, f"{name}'s {word}", domain, hermitian)
    known = literals(f, jac)
    return Subject(name, matrix.f, domain, vjp=matrix.vjp, call=call, literals=known, entry=matrix.entry)


def hessian(
    gradient: Function,
    *,
    name: str,
    domain: Domain,
    hess: Function | None = None,
    hessp: Function | None = None,
    args: tuple[Any, ...] = (),
    call: str = "",
) -> Subject:
    """``gradient`` with its Jacobian ``hess(*inputs, *args)``, its forward rule ``hessp(x, p, *args)``, or both.

    For several inputs a Hessian is blocks, ``hess[i][j]``, or one matrix over all their entries, in order.
    """
    count = len(domain.names)
    if hessp is not None and count != 1:
        raise Misuse(f"{name}: hessp= takes one input x and a direction p; there are {count} inputs.")
    if hess is not None and any(place.complex for place in domain.arguments.values()):
        raise Misuse(f"{name}: no complex matrix is the Hessian by a complex input; give hessp= in its place.")
    accepts(hess, count + len(args), f"{name}'s hess")
    accepts(hessp, 2 + len(args), f"{name}'s hessp")

    def value(*inputs: Any, **options: Any) -> Any:
        found = gradient(*inputs, *args, **options)
        if count == 1:
            return _shaped(found, inputs[0])
        given = tuple(found) if isinstance(found, tuple | list) else (found,)
        if len(given) != count:
            raise Broken(name, f"returned {len(given)} array(s) for {count} inputs")
        return tuple(_shaped(given[k], inputs[k]) for k in domain.smooth)

    def jvp(u: Any, x: Any, **options: Any) -> Any:
        assert hessp is not None
        return hessp(x, u, *args, **options)

    matrix = None if hess is None else Matrix(value, with_args(hess, args), "hess", f"{name}'s hess", domain)
    both_right = any(a.kind == "positive-definite" for a in domain.arguments.values())  # the symmetric gradient too
    return Subject(
        name,
        value,
        domain,
        vjp=matrix.vjp if matrix else None,
        jvp=jvp if hessp else None,
        spec="" if both_right else "gradient",
        call=call,
        literals=literals(gradient, hess, hessp),
        entry=matrix.entry if matrix else None,
    )


def _shaped(gradient: Any, x: Any) -> Any:
    """A gradient in its input's shape, where it has as many entries: (1, n) is how some write the one of a scalar."""
    g = np.asanyarray(gradient)
    return g.reshape(np.shape(x)) if g.size == np.size(x) else g


@dataclass(frozen=True)
class Block:
    """The derivative of one output by one input as the rule returned it, and what it is called there.

    ``corner`` is where it stands in a matrix over several inputs; None where it is an array by itself.
    """

    array: Array
    called: str
    out: Index
    inn: Index
    corner: Index | None = None

    def matrix(self, label: str) -> Array:
        """It as a matrix (m, n); raises Broken where it has no such shape."""
        j, m, n = self.array, math.prod(self.out), math.prod(self.inn)
        of_a_scalar = {self.inn, (1, n), self.out + self.inn}
        if j.shape in (of_a_scalar if m == 1 else {(m, n), self.out + self.inn}):
            return j.reshape(m, n)
        returned = f"returned {self.called} of shape {j.shape}" if "[" in self.called else f"returned shape {j.shape}"
        if m == 1 and j.size == n:
            raise Broken(label, f"{returned}; the gradient of a scalar has its input's shape {self.inn}")
        wanted = self.inn if m == 1 else (m, n)
        raise Broken(
            label, f"{returned}; for an input of shape {self.inn} and a value of shape {self.out} it is {wanted}"
        )

    def place(self, i: Index, j: Index) -> tuple[str, Index]:
        """The name and the index of entry (i, j) where the user will look for it."""
        if self.corner is None and self.array.shape == self.out + self.inn:
            return self.called, i + j
        down, across = self.corner or (0, 0)
        return self.called, (down + _rank(i, self.out), across + _rank(j, self.inn))


def _rank(index: Index, shape: Index) -> int:
    return int(np.ravel_multi_index(index, shape)) if shape else 0


@dataclass(frozen=True)
class Matrix:
    """A rule that returns the derivative of every output by every input at once."""

    f: Function
    rule: Function
    word: str
    label: str
    domain: Domain
    hermitian: bool = True

    def vjp(self, g: Any, *inputs: Any, **options: Any) -> tuple[Any, ...]:
        """J' g, an array for each input, None where the rule answers None."""
        several = isinstance(g, tuple)
        given = [np.asanyarray(p) for p in (g if several else (g,))]
        table = self.blocks(inputs, options, [p.shape for p in given], several)
        out: list[Any] = []
        for k, x in enumerate(inputs):
            column = [row[k] for row in table]
            if any(b is None for b in column):
                out.append(None)
                continue
            terms = [self._pulled(b, p, x) for b, p in zip(column, given, strict=True) if b is not None]
            out.append(sum(terms[1:], terms[0]).reshape(np.shape(x)))
        return tuple(out)

    def _pulled(self, block: Block, g: Array, x: Any) -> Array:
        """J' g, flat; conj(J)' g for a complex g."""
        j = block.matrix(self.label)
        if not np.iscomplexobj(g):
            return np.asanyarray(g.reshape(-1) @ j)
        pulled = g.reshape(-1) @ (np.conj(j) if self.hermitian else j)
        return np.asanyarray(pulled if np.iscomplexobj(x) else pulled.real)

    def entry(
        self, x: Vectors, out: int, i: Index, inn: int, j: Index, options: Mapping[str, Any]
    ) -> tuple[str, Index]:
        """What the user calls the derivative of entry i of an output by entry j of an input: ``hess``, (0, 1).

        A gradient has the entries of its argument, and is called by its name.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = outputs(self.label, self.f(*map(clone, x), **options))
            block = self.blocks(tuple(map(clone, x)), options, [p.shape for p in y], not y.bare)[out][inn]
        if block is None or math.prod(block.out) == 1:
            return self.domain.names[inn], j
        return block.place(i, j)

    def blocks(
        self, inputs: tuple[Any, ...], options: Mapping[str, Any], outs: list[Index], several: bool
    ) -> list[list[Block | None]]:
        """A row for each output: a Block for each input, or None where it is not differentiated."""
        found = _dense(self.rule(*inputs, **options))
        if several and len(inputs) > 1 and isinstance(found, np.ndarray) and found.ndim == 2:
            return self._cut(found, outs, inputs)
        rows = self._picked(found, len(outs), several, "output", "returned")
        table: list[list[Block | None]] = []
        for i, row in enumerate(rows):
            called = f"{self.word}[{i}]" if several else self.word
            says = f"returned {called} with" if several else "returned"
            cells = self._picked(row, len(inputs), len(inputs) > 1, "input", says)
            table.append([])
            for k, (cell, x) in enumerate(zip(cells, inputs, strict=True)):
                text = f"{called}[{k}]" if len(inputs) > 1 else called
                unasked = cell is None or k not in self.domain.smooth
                table[-1].append(None if unasked else Block(_floating(cell, x), text, outs[i], np.shape(x)))
        return table

    def _picked(self, found: Any, count: int, several: bool, of: str, says: str) -> list[Any]:
        """One for each output, or input; where fewer are differentiated, one for each of those will do."""
        if not several:
            return [found]
        smooth = self.domain.smooth
        given = list(found) if isinstance(found, tuple | list) else [found]
        if of == "output" and len(given) == len(self.domain.names) > count == len(smooth):
            given = [given[k] for k in smooth]
        if of == "input" and len(given) == len(smooth) < count:
            given = [given[smooth.index(k)] if k in smooth else None for k in range(count)]
        if len(given) != count:
            raise Broken(self.label, f"{says} {len(given)} array(s) for {count} {of}s")
        return given

    def _cut(self, found: Array, outs: list[Index], inputs: tuple[Any, ...]) -> list[list[Block | None]]:
        """One matrix over all entries, cut into the Blocks of the inputs that are differentiated."""
        smooth = self.domain.smooth
        heights = [math.prod(shape) for shape in outs]
        widths = [np.size(x) if k in smooth else 0 for k, x in enumerate(inputs)]
        if found.shape != (sum(heights), sum(widths)):
            wanted = f"{(sum(heights), sum(widths))}; it may also be blocks, {self.word}[i][j]"
            raise Broken(self.label, f"returned shape {found.shape}; over all entries of the inputs it is {wanted}")
        down, across = (np.cumsum([0, *lengths]).tolist() for lengths in (heights, widths))

        def block(i: int, k: int) -> Block:
            part = found[down[i] : down[i + 1], across[k] : across[k + 1]]
            return Block(_floating(part, inputs[k]), self.word, outs[i], np.shape(inputs[k]), (down[i], across[k]))

        return [[block(i, k) if k in smooth else None for k in range(len(inputs))] for i in range(len(outs))]


def _dense(found: Any) -> Any:
    """A sparse matrix, or a ``np.matrix``, as an array; anything else as it is."""
    found = found.toarray() if hasattr(found, "toarray") else found
    return np.asarray(found) if isinstance(found, np.matrix) else found


def _floating(cell: Any, x: Any) -> Array:
    """An array of floats: whole numbers take the input's type."""
    j = np.asanyarray(_dense(cell))
    return np.asanyarray(j.astype(x.dtype)) if j.dtype.kind in "iub" else j

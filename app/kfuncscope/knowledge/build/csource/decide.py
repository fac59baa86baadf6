# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Run a deciding C function symbolically: every path to a return, with the conditions on the way.

What is fixed (program type, helper or kfunc asked for, struct_ops member) comes from a ``World``; what stays open
(attach type, config, capabilities, LSM hook, sleepable) becomes conditions ``(kind, negated, words)`` as in
``facts.Alternative``. Calls to other deciding functions are followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kfuncscope.knowledge.build.csource.cparse import Expr, NotUnderstoodError, Stmt, parse_body, parse_expr, render
from kfuncscope.knowledge.build.csource.ctext import Gate, initializer, split_args
from kfuncscope.knowledge.build.csource.paths import ONE_OF, Open, Path, Sym, Value, World, word
from kfuncscope.knowledge.build.csource.tree import Tree

_MAX_PATHS = 4000
_MAX_CALLS = 12


@dataclass(slots=True)
class _Frame:
    file: str
    function: str
    depth: int


@dataclass(slots=True)
class Runner:
    """Runs functions of a tree in a world."""

    tree: Tree
    world: World
    _bodies: dict[tuple[str, str], tuple[Stmt, ...]] = field(default_factory=dict)
    _switches: dict[int, tuple[dict[str, list[int]], list[int], int]] = field(default_factory=dict)
    _constants: dict[tuple[str, str], int | None] = field(default_factory=dict)
    _steps: int = 0

    def run(
        self, file: str, function: str, args: tuple[Value, ...] = (), path: Path | None = None
    ) -> list[tuple[Value, Path]]:
        """Every (returned value, path) of the function, on from ``path``; one without a return gives 0."""
        self._steps = 0
        try:
            return list(self._function(file, function, args, path or Path(), 0))
        except RecursionError:
            raise NotUnderstoodError(f"{function} is nested too deeply") from None

    def _function(
        self, file: str, function: str, args: tuple[Value, ...], path: Path, depth: int
    ) -> Iterator[tuple[Value, Path]]:
        if depth > _MAX_CALLS:
            raise NotUnderstoodError("calls are nested too deeply")
        found = self.tree.function(function, file)
        if found is None:
            raise NotUnderstoodError(f"{function} is not defined where it was looked for")
        where, definition = found
        key = (where, function)
        if key not in self._bodies:
            self._bodies[key] = parse_body(definition.body)
        names = [re.sub(r".*?(\w+)\s*$", r"\1", part, flags=re.S) for part in split_args(definition.params)]
        env = tuple((name, value) for name, value in zip(names, args, strict=False) if name != "prog")
        frame = _Frame(where, function, depth)
        outer = path.env
        for signal, value, after in self._block(self._bodies[key], replace(path, env=env), frame):
            if signal in ("return", "fall"):
                yield value, replace(after, env=outer)

    # statements: each yields (signal, value, path); signals: fall, break, return

    def _block(
        self, body: tuple[Stmt, ...], path: Path, frame: _Frame, start: int = 0
    ) -> Iterator[tuple[str, Value, Path]]:
        while start < len(body) and body[start].kind in ("case", "default", "expr"):
            start += 1
        if start >= len(body):
            yield "fall", 0, path
            return
        for inside, way in self._gated(body[start].gates, path):
            if not inside:
                yield from self._block(body, way, frame, start + 1)
                continue
            for signal, value, after in self._statement(body[start], way, frame):
                if signal == "fall":
                    yield from self._block(body, after, frame, start + 1)
                else:
                    yield signal, value, after

    def _gated(self, gates: tuple[Gate, ...], path: Path) -> Iterator[tuple[bool, Path]]:
        """Split a path by #if conditions; (whether the statement is compiled in, path)."""
        for position, (option, negated) in enumerate(gates):
            words = (option,)
            kind = "config" if option.startswith("CONFIG_") else "text"
            known = path.knows(kind, words)
            if known is None:
                yield False, path.assume(kind, not negated, words)
                path = path.assume(kind, negated, words)
            elif known == negated:
                yield False, path
                return
            if position + 1 == len(gates):
                break
        yield True, path

    def _statement(self, stmt: Stmt, path: Path, frame: _Frame) -> Iterator[tuple[str, Value, Path]]:
        self._steps += 1
        if self._steps > 200_000:
            raise NotUnderstoodError("too many steps")
        if stmt.kind == "return":
            if not stmt.exprs:
                yield "return", 0, path
                return
            for value, after in self._value(stmt.exprs[0], path, frame):
                via = after.via if stmt.exprs[0].op in ("call", "name") and after.via else frame.function
                yield "return", value, replace(after, via=via)
        elif stmt.kind == "set":
            for value, after in self._value(stmt.exprs[0], path, frame):
                yield "fall", 0, after.put(stmt.name, value)
        elif stmt.kind == "opaque":
            yield "fall", 0, path.put(stmt.name, Open("text", (stmt.name,)))
        elif stmt.kind == "if":
            for truth, after in self._truth(stmt.exprs[0], path, frame):
                yield from self._block(stmt.body if truth else stmt.orelse, after, frame)
        elif stmt.kind == "block":
            yield from self._block(stmt.body, path, frame)
        elif stmt.kind == "switch":
            yield from self._switch(stmt, path, frame)
        elif stmt.kind == "break":
            yield "break", 0, path
        else:
            yield "fall", 0, path

    def _switch(self, stmt: Stmt, path: Path, frame: _Frame) -> Iterator[tuple[str, Value, Path]]:
        for value, start in self._value(stmt.exprs[0], path, frame):
            for position, after in self._targets(stmt, value, start, frame):
                for signal, result, end in self._block(stmt.body, after, frame, position):
                    yield ("fall" if signal == "break" else signal), result, end

    def _targets(self, stmt: Stmt, value: Value, path: Path, frame: _Frame) -> Iterator[tuple[int, Path]]:
        """(position in the switch body, path) for each label that the value can take."""
        labels, default = self._labels(stmt, value)
        ways = [path]
        for position in labels:
            label = stmt.body[position]
            left: list[Path] = []
            for way in ways:
                for inside, gated in self._gated(label.gates, way):
                    if not inside:
                        left.append(gated)
                        continue
                    for other, after in self._value(label.exprs[0], gated, frame):
                        for same, final in self._equal(value, other, after, render(stmt.exprs[0])):
                            if same:
                                yield position, final
                            else:
                                left.append(final)
            ways = left
            if len(ways) > _MAX_PATHS:
                raise NotUnderstoodError("too many paths")
        for way in ways:
            yield default, way

    def _labels(self, stmt: Stmt, value: Value) -> tuple[list[int], int]:
        """Positions of the labels that the value can hit, and of the default (or the end)."""
        if id(stmt) not in self._switches:
            named: dict[str, list[int]] = {}
            every = []
            default = len(stmt.body)
            for position, label in enumerate(stmt.body):
                if label.kind == "default":
                    default = position
                elif label.kind == "case":
                    every.append(position)
                    expr = label.exprs[0]
                    named.setdefault(expr.text if expr.op == "name" else "", []).append(position)
            self._switches[id(stmt)] = (named, every, default)
        named, every, default = self._switches[id(stmt)]
        if isinstance(value, Sym):
            return sorted(named.get("", []) + named.get(value.name, [])), default
        return every, default

    # expressions

    def _truth(self, expr: Expr, path: Path, frame: _Frame) -> Iterator[tuple[bool, Path]]:
        if expr.op == "&&" or expr.op == "||":
            stop = expr.op == "||"
            for left, after in self._truth(expr.args[0], path, frame):
                if left == stop:
                    yield left, after
                else:
                    yield from self._truth(expr.args[1], after, frame)
            return
        if expr.op == "unary!":
            for truth, after in self._truth(expr.args[0], path, frame):
                yield not truth, after
            return
        for value, after in self._value(expr, path, frame):
            if isinstance(value, int):
                yield value != 0, after
            elif isinstance(value, Sym):
                yield True, after
            else:
                yield from self.decide(value, after)

    def decide(self, value: Open, path: Path) -> Iterator[tuple[bool, Path]]:
        """Both answers to an open value, or the one that the path's conditions leave."""
        yield from self._decide(value.kind, value.words, path)

    def _decide(self, kind: str, words: tuple[str, ...], path: Path) -> Iterator[tuple[bool, Path]]:
        known = path.knows(kind, words)
        if known is not None:
            yield known, path
            return
        yield True, path.assume(kind, False, words)
        yield False, path.assume(kind, True, words)

    def _equal(self, left: Value, right: Value, path: Path, text: str) -> Iterator[tuple[bool, Path]]:
        if isinstance(right, Open) and not isinstance(left, Open):
            left, right = right, left
        if isinstance(left, Open):
            if left.kind in ONE_OF and isinstance(right, Sym):
                yield from self._decide(left.kind, (word(left.kind, right.name),), path)
            elif right == 0:
                for truth, after in self._decide(left.kind, left.words, path):
                    yield not truth, after
            elif left == right:
                yield True, path
            else:
                yield from self._decide("text", (text,), path)
            return
        if isinstance(left, Sym) and isinstance(right, Sym):
            yield left.name == right.name, path
        else:
            yield left == right, path

    def _value(self, expr: Expr, path: Path, frame: _Frame) -> Iterator[tuple[Value, Path]]:
        op = expr.op
        if op == "int":
            yield int(expr.text), path
        elif op in ("name", "."):
            yield self._read(expr, path, frame), path
        elif op == "str":
            yield Sym(expr.text), path
        elif op == "?:":
            for truth, after in self._truth(expr.args[0], path, frame):
                yield from self._value(expr.args[1 if truth else 2], after, frame)
        elif op in ("==", "!="):
            for left, one in self._value(expr.args[0], path, frame):
                for right, two in self._value(expr.args[1], one, frame):
                    for same, after in self._equal(left, right, two, render(expr)):
                        yield int(same == (op == "==")), after
        elif op in ("&&", "||", "unary!"):
            for truth, after in self._truth(expr, path, frame):
                yield int(truth), after
        elif op == "call":
            yield from self._call(expr, path, frame)
        elif op == "index":
            yield from self._index(expr, path, frame)
        elif op in ("unary&", "unary*"):
            yield from self._value(expr.args[0], path, frame)
        elif op.startswith("unary"):
            for value, after in self._value(expr.args[0], path, frame):
                yield (-value if isinstance(value, int) and value else -1 if isinstance(value, Sym) else value), after
        else:
            yield from self._arithmetic(expr, path, frame)

    def _arithmetic(self, expr: Expr, path: Path, frame: _Frame) -> Iterator[tuple[Value, Path]]:
        for left, one in self._value(expr.args[0], path, frame):
            for right, two in self._value(expr.args[1], one, frame):
                at_member = isinstance(left, Sym) and left.kind == "member"
                if at_member or (isinstance(left, Open) and left.kind in ("lockdown", "member")):
                    yield left, two  # bits to bytes; "< 0" of a verdict
                elif isinstance(left, int) and isinstance(right, int):
                    yield _compute(expr.op, left, right), two
                else:
                    yield Open("text", (render(expr),)), two

    def _read(self, expr: Expr, path: Path, frame: _Frame) -> Value:
        text = render(expr)
        if expr.op == "name":
            if text in ("NULL", "false"):
                return 0
            if text == "true":
                return 1
            local = path.get(text)
            if local is not None:
                return local
        value = self.world.read(text)
        if value is not None:
            return value
        if expr.op == "name":
            constant = self._constant(text, frame)
            return Sym(text) if constant is None else constant
        return Open("text", (text,))

    def _constant(self, name: str, frame: _Frame) -> int | None:
        """Value of an enumerator of the same file that is given as ``1 << n`` or a number."""
        if not name.isupper() or name.startswith(("BPF_", "CAP_", "CONFIG_")):
            return None
        key = (frame.file, name)
        if key not in self._constants:
            self._constants[key] = None  # also ends a definition in terms of itself
            self._constants[key] = self._enumerator(name, frame)
        return self._constants[key]

    def _enumerator(self, name: str, frame: _Frame) -> int | None:
        found = re.search(rf"\b{name}\s*=\s*([\w\s<()|]+?)\s*[,}}]", self.tree.text(frame.file))
        if not found:
            return None
        try:
            parsed = parse_expr(found[1])
        except NotUnderstoodError:
            return None
        values = [value for value, _ in self._value(parsed, Path(), frame)]
        return values[0] if len(values) == 1 and isinstance(values[0], int) else None

    def _call(self, expr: Expr, path: Path, frame: _Frame) -> Iterator[tuple[Value, Path]]:
        if expr.text in ("likely", "unlikely"):
            yield from self._value(expr.args[0], path, frame)
            return
        if expr.text == "offsetof":
            yield Sym(render(expr.args[1]), "member"), path
            return
        ways: list[tuple[tuple[Value, ...], Path]] = [((), path)]
        for arg in expr.args:
            ways = [((*done, value), after) for done, way in ways for value, after in self._value(arg, way, frame)]
        for args, way in ways:
            value = self.world.call(expr.text, args, render(expr), frame.file)
            if value is not None:
                yield value, way
            elif self.tree.function(expr.text, frame.file):
                yield from self._function(frame.file, expr.text, args, way, frame.depth + 1)
            elif len(args) == 1 and isinstance(args[0], Sym) and args[0].kind == "member":
                yield args[0], way  # a macro that turns a member's offset into an index
            else:
                yield Open("text", (render(expr),)), way

    def _index(self, expr: Expr, path: Path, frame: _Frame) -> Iterator[tuple[Value, Path]]:
        array = render(expr.args[0])
        for index, after in self._value(expr.args[1], path, frame):
            value = self.world.call("[]", (Sym(array), index), render(expr), frame.file)
            if value is not None:
                yield value, after
                continue
            if not (isinstance(index, Sym) and index.kind == "member"):
                yield Open("text", (render(expr),)), after
                continue
            yield self._designated(array, index.name, frame), after

    def _designated(self, array: str, member: str, frame: _Frame) -> Value:
        """``array[member]`` of a table written ``[MACRO(member)] = value``; 0 where it has no entry."""
        table = initializer(self.tree.text(frame.file), rf"\b{re.escape(array)}\s*\[\s*\w*\s*\]")
        if table is None:
            raise NotUnderstoodError(f"table {array} was not found")
        plain = re.sub(r"^[ \t]*#[^\n]*$", "", table, flags=re.M)
        for row in split_args(plain):
            found = re.match(r"\[\s*\w+\s*\(\s*(?:struct\s+\w+\s*,\s*)?(\w+)\s*\)\s*\]\s*=\s*(.*)", row, re.S)
            if found and found[1] == member:
                return next(value for value, _ in self._value(parse_expr(found[2]), Path(), frame))
        return 0


def _compute(op: str, left: int, right: int) -> int:
    match op:
        case "&":
            return left & right
        case "|":
            return left | right
        case "<<":
            return left << max(0, min(right, 64))
        case "+":
            return left + right
        case "-":
            return left - right
        case "<":
            return int(left < right)
        case ">":
            return int(left > right)
        case ">=":
            return int(left >= right)
        case "<=":
            return int(left <= right)
    raise NotUnderstoodError(f"operator {op}")

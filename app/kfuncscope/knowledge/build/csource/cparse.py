# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small parser for the bodies of C functions that decide something: if, switch, return, assignments, expressions.

Loops, goto and casts are not needed by the functions that are read here; what is not understood becomes an
``Opaque`` statement or an unknown expression, never an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kfuncscope.knowledge.build.csource.ctext import Gate, gate_regions, gates_at

_TOKEN = re.compile(
    r"""\s+|\#(?:[^\n\\]|\\.|\\\n)*|(?P<tok>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*"""
    r"""|\d+[uUlL]*|->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]])""",
    re.S,
)
_MAX_TOKENS = 60_000
_MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Tok:
    """A token and the #if conditions it stands under."""

    text: str
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression: ``op`` is ``name``, ``int``, ``str``, ``call``, ``index``, ``.``, ``?:``, or a C operator."""

    op: str
    text: str = ""
    args: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Stmt:
    """A statement: ``kind`` is block, if, switch, case, default, return, break, set, expr or opaque.

    ``set`` assigns ``exprs[0]`` to variable ``name``. A switch keeps its body flat, labels among the statements.
    """

    kind: str
    gates: tuple[Gate, ...] = ()
    name: str = ""
    exprs: tuple[Expr, ...] = ()
    body: tuple[Stmt, ...] = ()
    orelse: tuple[Stmt, ...] = ()


class NotUnderstoodError(Exception):
    """The source has a shape that this parser or interpreter does not handle; callers turn it into "unknown"."""


def tokens(body: str) -> list[Tok]:
    """Tokens of comment-free text."""
    regions = gate_regions(body)
    found = []
    position = 0
    while position < len(body):
        match = _TOKEN.match(body, position)
        if match is None:
            position += 1
            continue
        position = match.end()
        if match["tok"]:
            found.append(Tok(match["tok"], gates_at(regions, match.start())))
            if len(found) > _MAX_TOKENS:
                raise NotUnderstoodError("function is too long")
    return found


_BINARY = {"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7, "<<": 8,
           ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10}  # fmt: skip
_TYPE_WORDS = frozenset({"struct", "enum", "union", "const", "unsigned", "void", "u8", "u32", "u64", "int", "long"})


class Parser:
    """Recursive descent over tokens."""

    def __init__(self, toks: list[Tok]) -> None:
        self.toks = toks
        self.at = 0
        self.depth = 0

    def peek(self, ahead: int = 0) -> str:
        """The token to come, or the one ``ahead`` of it; empty at the end."""
        place = self.at + ahead
        return self.toks[place].text if place < len(self.toks) else ""

    def next(self) -> str:
        """Take one token."""
        text = self.peek()
        if not text:
            raise NotUnderstoodError("text ends too early")
        self.at += 1
        return text

    def want(self, text: str) -> None:
        """Take this token, and no other."""
        if self.next() != text:
            raise NotUnderstoodError(f"no {text!r} where one belongs")

    def gates(self) -> tuple[Gate, ...]:
        """The #if conditions of the token to come."""
        return self.toks[self.at].gates if self.at < len(self.toks) else ()

    # expressions

    def expr(self) -> Expr:
        """Anything up to a comma or closing bracket."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise NotUnderstoodError("expression is nested too deeply")
        left = self.binary(1)
        if self.peek() == "?":
            self.next()
            middle = left if self.peek() == ":" else self.expr()
            self.want(":")
            left = Expr("?:", "", (left, middle, self.expr()))
        self.depth -= 1
        return left

    def binary(self, lowest: int) -> Expr:
        """Operators of at least this rank, by precedence climbing."""
        left = self.unary()
        while (rank := _BINARY.get(self.peek(), 0)) >= lowest:
            op = self.next()
            left = Expr(op, "", (left, self.binary(rank + 1)))
        return left

    def unary(self) -> Expr:
        """Prefix operators and casts; a cast is dropped."""
        if self.peek() in ("!", "-", "~", "&", "*", "+"):
            op = self.next()
            return Expr(f"unary{op}", "", (self.unary(),))
        if self.peek() == "(" and self._is_cast():
            while self.next() != ")":
                pass
            return self.unary()
        return self.postfix(self.primary())

    def _is_cast(self) -> bool:
        return self.peek(1) in _TYPE_WORDS and self.peek(2) != "("

    def primary(self) -> Expr:
        """A name, number, text, or an expression in brackets."""
        text = self.next()
        if text == "(":
            inner = self.expr()
            self.want(")")
            return inner
        if text[0].isdigit():
            return Expr("int", str(_number(text)))
        if text[0] in "\"'":
            return Expr("str", text)
        if text in ("struct", "enum", "union"):
            return Expr("name", f"{text} {self.next()}")
        if text[0].isalpha() or text[0] == "_":
            return Expr("name", text)
        raise NotUnderstoodError(f"expression begins with {text!r}")

    def postfix(self, left: Expr) -> Expr:
        """Members, indices and calls behind an expression."""
        while True:
            text = self.peek()
            if text in ("->", "."):
                self.next()
                left = Expr(".", self.next(), (left,))
            elif text == "[":
                self.next()
                left = Expr("index", "", (left, self.expr()))
                self.want("]")
            elif text == "(" and left.op == "name":
                self.next()
                args = []
                while self.peek() != ")":
                    args.append(self.expr())
                    if self.peek() == ",":
                        self.next()
                self.next()
                left = Expr("call", left.text, tuple(args))
            else:
                return left

    # statements

    def block(self) -> tuple[Stmt, ...]:
        """Statements up to a closing brace or the end."""
        found = []
        while self.peek() and self.peek() != "}":
            found.append(self.statement())
        return tuple(found)

    def nested(self) -> tuple[Stmt, ...]:
        """One statement, or those in braces."""
        if self.peek() == "{":
            self.next()
            body = self.block()
            self.want("}")
            return body
        return (self.statement(),)

    def statement(self) -> Stmt:
        """One statement, with the conditions it stands under."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise NotUnderstoodError("statements are nested too deeply")
        made = self._statement(self.gates())
        self.depth -= 1
        return made

    def _statement(self, gates: tuple[Gate, ...]) -> Stmt:
        text = self.peek()
        if text == "{":
            return Stmt("block", gates, body=self.nested())
        if text == "if":
            return self._if(gates)
        if text == "switch":
            self.next()
            self.want("(")
            on = self.expr()
            self.want(")")
            return Stmt("switch", gates, exprs=(on,), body=self.nested())
        if text == "case":
            self.next()
            label = self.expr()
            self.want(":")
            return Stmt("case", gates, exprs=(label,))
        if text == "default" and self.peek(1) == ":":
            self.at += 2
            return Stmt("default", gates)
        if text == "return":
            self.next()
            value = () if self.peek() == ";" else (self.expr(),)
            self.want(";")
            return Stmt("return", gates, exprs=value)
        if text == "break" or (text == "fallthrough" and self.peek(1) == ";"):
            self.at += 1
            self.want(";")
            return Stmt("break" if text == "break" else "expr", gates)
        return self._simple(gates)

    def _if(self, gates: tuple[Gate, ...]) -> Stmt:
        self.next()
        self.want("(")
        condition = self.expr()
        self.want(")")
        body = self.nested()
        orelse: tuple[Stmt, ...] = ()
        if self.peek() == "else":
            self.next()
            orelse = self.nested()
        return Stmt("if", gates, exprs=(condition,), body=body, orelse=orelse)

    def _simple(self, gates: tuple[Gate, ...]) -> Stmt:
        """Declarations and assignments; anything else is opaque up to its semicolon."""
        start = self.at
        depth = 0
        equals = -1
        while True:
            text = self.next()
            if text in "({[":
                depth += 1
            elif text in ")}]":
                depth -= 1
            elif text == "=" and depth == 0 and equals < 0:
                equals = self.at - 1
            elif text == ";" and depth <= 0:
                break
            elif text in ("for", "while", "do", "goto"):
                raise NotUnderstoodError(f"{text} in a deciding function")
        end = self.at
        if equals < 0:
            return Stmt("expr", gates)
        name = self.toks[equals - 1].text
        plain = all(t.text not in (".", "->", "[") for t in self.toks[start:equals])
        if not plain or self.toks[equals + 1].text == "{":
            return Stmt("opaque", gates, name=name)
        self.at = equals + 1
        value = self.expr()
        if self.at != end - 1:
            self.at = end
            return Stmt("opaque", gates, name=name)
        self.at = end
        return Stmt("set", gates, name=name, exprs=(value,))


def _number(text: str) -> int:
    """A C number; a leading 0 is octal."""
    digits = text.rstrip("uUlL")
    try:
        return int(digits, 0) if not re.fullmatch(r"0\d+", digits) else int(digits, 8)
    except ValueError:
        raise NotUnderstoodError(f"number {text[:20]!r}") from None


def parse_body(body: str) -> tuple[Stmt, ...]:
    """Statements of a function body (the text within its braces)."""
    parser = Parser(tokens(body))
    try:
        made = parser.block()
    except RecursionError:
        raise NotUnderstoodError("function is nested too deeply") from None
    if parser.peek():
        raise NotUnderstoodError("braces do not match")
    return made


def parse_expr(text: str) -> Expr:
    """One expression."""
    parser = Parser(tokens(text))
    try:
        made = parser.expr()
    except RecursionError:
        raise NotUnderstoodError("expression is nested too deeply") from None
    if parser.peek():
        raise NotUnderstoodError(f"{parser.peek()!r} after the expression")
    return made


def render(expr: Expr) -> str:
    """The expression as C again, members joined with ``.``, for messages and lookups."""
    args = [render(arg) for arg in expr.args]
    if expr.op in ("name", "int", "str"):
        return expr.text
    if expr.op == ".":
        return f"{args[0]}.{expr.text}"
    if expr.op == "call":
        return f"{expr.text}({', '.join(args)})"
    if expr.op == "index":
        return f"{args[0]}[{args[1]}]"
    if expr.op == "?:":
        return f"{args[0]} ? {args[1]} : {args[2]}"
    if expr.op.startswith("unary"):
        return f"{expr.op[5:]}{args[0]}"
    return f"({args[0]} {expr.op} {args[1]})"

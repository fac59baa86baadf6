# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reading C without a compiler: text, statements, and running functions that decide."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfuncscope.knowledge.build.csource.cparse import NotUnderstoodError, parse_body, parse_expr, render
from kfuncscope.knowledge.build.csource.ctext import (
    calls,
    fields,
    find_function,
    gate_regions,
    gates_at,
    match_bracket,
    options,
    split_args,
    strip_comments,
)
from kfuncscope.knowledge.build.csource.decide import Runner
from kfuncscope.knowledge.build.csource.gates import Gates
from kfuncscope.knowledge.build.csource.paths import Cond, Open, Sym, Value, merge
from kfuncscope.knowledge.build.csource.tree import Tree
from support.linuxtree import write_tree

C_TEXT = st.text(alphabet="ab_1 (){}[];:,.?!&|=<>-+*/\\\n\"'#ifcase", max_size=200)


def test_comments_go_and_offsets_stay() -> None:
    text = 'a /* x\n y */ b "/* kept */" // gone\nc'
    plain = strip_comments(text)
    assert len(plain) == len(text) and plain.count("\n") == 2
    assert plain.split() == ["a", "b", '"/*', "kept", '*/"', "c"]


def test_brackets_and_arguments() -> None:
    assert match_bracket('(a [")"] {b})', 0) == 12
    assert match_bracket("(a]", 0) == -1 and match_bracket("((", 0) == -1
    assert split_args('a, f(b, c), {d, e}, "x,y"') == ["a", "f(b, c)", "{d, e}", '"x,y"']
    assert split_args("") == []
    assert [call.args for call in calls("F(1) G(F(2))", "F")] == ["1", "2"]
    assert fields(".a = &b,\n#ifdef X\n.c = d(1, 2),\n#endif\n") == {"a": "&b", "c": "d(1, 2)"}


def test_conditions_of_the_preprocessor() -> None:
    inner = "#if IS_ENABLED(CONFIG_B) && !defined(CONFIG_C)\n2\n#else\n3\n#endif\n"
    text = f"0\n#ifdef CONFIG_A\n1\n{inner}#else\n4\n#endif\n5\n"
    regions = gate_regions(text)
    told = {char: gates_at(regions, text.index(f"\n{char}\n") + 1) for char in "12345"}
    assert told["1"] == (("CONFIG_A", False),)
    assert told["2"] == (("CONFIG_A", False), ("CONFIG_B", False), ("CONFIG_C", True))
    assert told["3"] == (("CONFIG_A", False), ("", False))  # the opposite of two is not one condition
    assert told["4"] == (("CONFIG_A", True),) and told["5"] == ()
    assert options(told["2"]) == ["CONFIG_A", "CONFIG_B"]


def test_definitions_not_prototypes_or_calls() -> None:
    text = "int f(int a);\nint g(void)\n{\n\treturn f(1);\n}\nstatic int *\nf(int a)\n{\n\tif (a) { return 2; }\n}\n"
    found = find_function(text, "f")
    assert found is not None and found.head == "static int *" and found.params == "int a"
    assert find_function(text, "h") is None


def test_statements_keep_labels_flat_and_gates() -> None:
    (switch,) = parse_body("switch (x) {\n#ifdef CONFIG_N\ncase A: case B: return &p;\n#endif\ndefault: break; }")
    kinds = [(one.kind, one.gates) for one in switch.body]
    gate = (("CONFIG_N", False),)
    assert kinds == [("case", gate), ("case", gate), ("return", gate), ("default", ()), ("break", ())]
    assert render(parse_expr("a->b.c == (u32)d ? f(x, y) : !z & 3")) == "(a.b.c == d) ? f(x, y) : (!z & 3)"
    assert render(parse_expr("0x10 | 010")) == "(16 | 8)"


@given(C_TEXT)
def test_any_text_is_understood_or_refused(text: str) -> None:
    strip_comments(text)
    find_function(text, "a")
    gate_regions(text)
    for parse in (parse_body, parse_expr):
        try:
            parse(text)
        except NotUnderstoodError as error:
            assert str(error)


@pytest.mark.parametrize("text", ["(" * 5000, "!" * 50_000, "{" * 5000, "if (a) " * 5000, "a ? " * 5000, "9" * 9000])
def test_depth_and_size_are_bounded(text: str) -> None:
    for parse in (parse_body, parse_expr):
        with pytest.raises(NotUnderstoodError):
            parse(text)


class OneProgram:
    """A world in which the type is fixed and the attach type open."""

    def read(self, path: str) -> Value | None:
        return {"prog.type": Sym("TYPE_X"), "prog.at": Open("attach")}.get(path)

    def call(self, name: str, args: tuple[Value, ...], text: str, file: str) -> Value | None:
        return Open("cap", ("CAP_Y",)) if name == "capable" else None


def _ways(tmp_path: Path, body: str, function: str = "f") -> dict[object, list[tuple[Cond, ...]]]:
    tree = Tree(write_tree(tmp_path, {"kernel/decide.c": body}))
    found: dict[object, list[tuple[Cond, ...]]] = {}
    for value, path in Runner(tree, OneProgram()).run("kernel/decide.c", function, (Sym("prog"),)):
        found.setdefault(value, []).append(path.conds)
    return {value: merge(paths) for value, paths in found.items()}


def test_known_values_fold_and_open_ones_split(tmp_path: Path) -> None:
    body = """
static bool two(const struct p *prog) { return prog->at == BPF_B || prog->at == BPF_C; }
int f(const struct p *prog)
{
	int n = 2 | 1;
	if (prog->type != TYPE_X)
		return 1;
	if (two(prog) && n & 2)
		return 3;
	switch (prog->at) {
	case BPF_B:
		return 4;	/* cannot be reached any more */
	case BPF_D:
	case BPF_E:
		n = 5;
		break;
	default:
		return !capable(CAP_Y) ? 6 : 7;
	}
	return n;
}
"""
    ways = _ways(tmp_path, body)
    out = ("attach", True, ("B", "C", "D", "E"))
    assert ways == {
        3: [(("attach", False, ("B", "C")),)],
        5: [(("attach", False, ("D", "E")),)],
        6: [(out, ("cap", True, ("CAP_Y",)))],
        7: [(out, ("cap", False, ("CAP_Y",)))],
    }


def test_config_regions_split_paths(tmp_path: Path) -> None:
    body = "int f(void)\n{\n#ifdef CONFIG_Q\n\treturn 1;\n#endif\n\treturn 2;\n}\n"
    assert _ways(tmp_path, body) == {
        1: [(("config", False, ("CONFIG_Q",)),)], 2: [(("config", True, ("CONFIG_Q",)),)],
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        "int f(void)\n{\n\tfor (;;)\n\t\treturn 1;\n}\n",
        "int f(void)\n{\n\treturn f();\n}\n",  # calls itself
        "int f(void)\n{\n\treturn g(\n}\n",
        "int f(void)\n{\n\treturn t[offsetof(struct a, b)];\n}\n",  # a table that is nowhere
    ],
)
def test_shapes_that_are_not_understood(tmp_path: Path, body: str) -> None:
    with pytest.raises(NotUnderstoodError):
        _ways(tmp_path, body)


def test_merge_drops_what_does_not_matter() -> None:
    a, not_a, b = ("cap", False, ("A",)), ("cap", True, ("A",)), ("config", False, ("B",))
    assert merge([(a, b), (not_a, b)]) == [(b,)]
    assert merge([(b,), (a, b)]) == [(b,)]
    assert merge([()]) == [()]
    assert merge([(("attach", False, ("X",)),), (("attach", True, ("X", "Y")),)]) == [(("attach", True, ("Y",)),)]


NET_MAKEFILE = """
obj-y += core/
obj-$(CONFIG_TOY) += toys.o
toys-y := toy.o
toys-$(CONFIG_TOY_BPF) += kf.o
ifeq ($(CONFIG_BPF_JIT)$(CONFIG_64BIT),yy)
obj-$(CONFIG_INET) += jit.o
else
obj-y += nojit.o
endif
ifeq ($(CONFIG_CT),m)
ct-$(CONFIG_MODBTF) += ct.o
else ifeq ($(CONFIG_CT),y)
ct-$(CONFIG_BTF) += ct.o
endif
obj-$(CONFIG_CT) += ct.o
"""


def test_gates_from_makefiles(tmp_path: Path) -> None:
    files = {
        "net/Makefile": NET_MAKEFILE,
        "net/core/Makefile": "obj-y += a.o\nobj-$(CONFIG_POLICY) += policy.o\n",
        "net/core/policy.c": '#ifdef CONFIG_EXT\n# include "sub/ext.c"\n#endif\n',
        "net/core/sub/ext.c": "int x;\n",
    }
    tree = Tree(write_tree(tmp_path, files))
    gates = Gates(tree)
    assert gates.of("net/kf.c") == ("CONFIG_TOY", "CONFIG_TOY_BPF", "CONFIG_NET")
    assert gates.of("net/jit.c") == ("CONFIG_64BIT", "CONFIG_BPF_JIT", "CONFIG_INET", "CONFIG_NET")
    assert gates.of("net/nojit.c") == ("CONFIG_NET",)
    assert gates.of("net/ct.c") == ("CONFIG_CT", "CONFIG_NET")  # what both ways of building it share
    assert gates.of("net/core/a.c") == ("CONFIG_NET",)
    assert set(gates.of("net/core/sub/ext.c")) == {"CONFIG_EXT", "CONFIG_POLICY", "CONFIG_NET"}


def test_includes_do_not_lead_out_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "secret.h").write_text("int secret(void)\n{\n\treturn 1;\n}\n")
    root = write_tree(tmp_path / "linux", {"kernel/decide.c": '#include "../../secret.h"\n'})
    tree = Tree(root)
    assert tree.raw("../secret.h") == "" and not tree.exists("../secret.h")
    assert tree.function("secret", "kernel/decide.c") is None

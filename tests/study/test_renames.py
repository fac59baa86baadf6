# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Renames between two source trees: what pieces of source show, and what BTF must confirm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kfuncscope.knowledge import tables
from kfuncscope.study.renames.__main__ import main
from kfuncscope.study.renames.bodies import Like, alike_bodies
from kfuncscope.study.renames.chunks import Chunk, chunks
from kfuncscope.study.renames.confirm import confirmed
from kfuncscope.study.renames.decide import Candidate, Gone, of_body, of_declared, of_uses, points, successor
from kfuncscope.study.renames.evidence import gathered, names_gone
from kfuncscope.study.renames.table import merged, rows
from support.kernels import KernelBuilder
from support.twotrees import sides, trees

BODY = """
{
	struct thing *thing = find_thing(order, flags);

	if (!thing || thing_is_dead(thing))
		return -ENOENT;
	spin_lock(&thing->guard);
	thing->count += account_things(order);
	spin_unlock(&thing->guard);
	return release_thing(thing);
}
"""


def kernel(
    *functions: str,
    field: str = "pid",
    value: str = "ONE",
    event: str = "started",
    hook: str = "open",
    more: bool = False,
) -> bytes:
    """BTF with things of each kind; ``more`` is a second struct with the field under its first name."""
    kb = KernelBuilder("7.3", enums=False)
    for function in functions:
        kb.hook(function)
    kb.btf.struct("task", [(field, kb.s32)])
    if more:
        kb.btf.struct("other", [("pid", kb.s32)])
    kb.btf.enum("words", {value: 1, "TWO": 2})
    kb.tracepoint(event)
    kb.lsm(hook)
    return kb.build()


def told(pair: tuple[Path, Path], old: bytes, new: bytes) -> dict[str, dict[str, str]]:
    """Kind → name → what took its place."""
    both = sides(old, new)
    made = rows(names_gone(gathered(*pair, *both), *both), "6.12.1", "7.3.1")
    return {kind: {name: found[0][0] for name, found in of.items()} for kind, of in made.items()}


def calls(name: str, count: int, function: str = "caller") -> str:
    """A function that calls another often, in statements that differ."""
    return (
        f"int {function}(void)\n{{\n"
        + "".join(f"\tif (y > {i})\n\t\tx{i} = {name}(a, {i});\n" for i in range(count))
        + "}\n"
    )


def test_pieces_of_a_file() -> None:
    text = (
        "/* int f(void)\n{ */\n#define WRAP(x) \\\n\tf(x)\n"
        'static int __must_check f(int a,\n\t\tint b)\n{\n\treturn "}";\n'
        "}\nstruct s {\n\tint a; // b\n};\nstatic const struct ops o = {\n\t.open = f,\n};\nint declared(void);\n"
        "TRACE_EVENT(ran,\n\n\tTP_PROTO(int x)\n);\nDEFINE_EVENT(class, slept,\n\tTP_PROTO(int x));\n"
        "LSM_HOOK(int, 0, file_open, struct file *file)\nSYSCALL_DEFINE1(close, int, fd)\n{\n}\nvoid g(void) {\n}\n"
    )
    found = [(c.kind, c.name) for c in chunks("a.c", text)]
    assert found == [
        ("macro", "WRAP"), ("function", "f"), ("type", "s"), ("variable", "o"), ("event", "ran"), ("event", "slept"),
        ("hook", "file_open"), ("function", "SYSCALL_DEFINE1(close"), ("function", "g"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "came", "count", "found"),
    [
        ("do_thing", "do_things", 1, True), ("do_thing", "perform", 3, True), ("do_thing", "perform", 1, False),
    ],
)  # fmt: skip
def test_functions_by_their_uses(gone: str, came: str, count: int, found: bool, tmp_path: Path) -> None:
    pair = trees(tmp_path, calls(gone, count), calls(came, count))
    assert told(pair, kernel(gone), kernel(came)) == ({"function": {gone: came}} if found else {})


def test_what_btf_does_not_confirm_is_not_a_rename(tmp_path: Path) -> None:
    """The old name must have gone and the new one must be new."""
    pair = trees(tmp_path, calls("do_thing", 9), calls("do_things", 9))
    assert told(pair, kernel("do_thing"), kernel("do_thing", "do_things")) == {}
    assert told(pair, kernel("do_thing", "do_things"), kernel("do_things")) == {}


def test_uses_that_became_what_was_there_before_are_a_removal(tmp_path: Path) -> None:
    old = calls("do_thing", 6)
    new = calls("do_things", 2).replace("}\n", "") + calls("known", 6).partition("{\n")[2].split("x1 = ")[0] + "}\n"
    new = calls("known", 6).replace("known(a, 4)", "do_things(a, 4)")
    assert told(trees(tmp_path, old, new), kernel("do_thing", "known"), kernel("do_things", "known")) == {}


def test_a_function_by_its_body(tmp_path: Path) -> None:
    """Nothing calls it in the sources, and its name is another."""
    old = f"int old_name(int order, int flags){BODY}"
    pair = trees(tmp_path, old, f"int fresh(int order, int flags){BODY}")
    assert told(pair, kernel("old_name"), kernel("fresh")) == {"function": {"old_name": "fresh"}}
    other = "int fresh(int order, int flags)\n{\n\treturn open_door(order) + close_window(flags);\n}\n"
    assert told(trees(tmp_path, old, other), kernel("old_name"), kernel("fresh")) == {}


def test_an_old_name_that_is_a_macro_around_the_new_one(tmp_path: Path) -> None:
    for side, text, header in (
        ("old", f"int get(int order, int flags){BODY}", "int get(int order, int flags);\n"),
        ("new", f"int get_noprof(int order, int flags){BODY}", "#define get(...) hooks(get_noprof(__VA_ARGS__))\n"),
    ):
        for name, content in (("mm/a.c", text), ("include/a.h", header)):
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text(content)
    made = told((tmp_path / "old", tmp_path / "new"), kernel("get"), kernel("get_noprof"))
    assert made == {"function": {"get": "get_noprof"}}


def test_a_name_that_is_still_a_function_of_its_file_has_no_successor(tmp_path: Path) -> None:
    """The compiler put it into its callers; that others call something new says nothing."""
    static = f"static int do_thing(int order, int flags){BODY}"
    pair = trees(tmp_path, static + calls("do_thing", 5), static.replace("order", "sort") + calls("do_things", 5))
    assert told(pair, kernel("do_thing"), kernel("do_things")) == {}


def test_fields_enumerators_tracepoints_and_hooks(tmp_path: Path) -> None:
    old = (
        "struct task {\n\tint pid;\n};\nenum words {\n\tONE = 1,\n\tTWO,\n};\nint f(struct task *p)\n{\n"
        "\tif (p->pid == ONE && p->pid > y)\n\t\treturn p->pid + 1;\n"
        "\ttrace_started(p, 1);\n\treturn security_open(p, 2);\n}\n"
    )
    new = old.replace("pid", "pids").replace("ONE", "ONES").replace("started", "starting").replace("y_open", "y_opened")
    made = told(
        trees(tmp_path, old, new), kernel("f"), kernel("f", field="pids", value="ONES", event="starting", hook="opened")
    )
    assert made == {
        "field": {"task.pid": "pids"}, "enumerator": {"words.ONE": "ONES"}, "tracepoint": {"started": "starting"},
        "lsm": {"open": "opened"},
    }  # fmt: skip


def test_uses_of_a_field_that_other_structs_have_too_tell_nothing(tmp_path: Path) -> None:
    old = "int f(void *p)\n{\n" + "".join(f"\tif (p->pid > {i})\n\t\tx += {i};\n" for i in range(5)) + "}\n"
    pair = trees(tmp_path, old, old.replace("pid", "owner"))
    one = told(pair, kernel("f"), kernel("f", field="owner"))
    assert one == {"field": {"task.pid": "owner"}}
    assert told(pair, kernel("f", more=True), kernel("f", field="owner", more=True)) == {}


def like(words: float = 0.9, order: float = 0.9, tokens: int = 80, mutual: bool = True, ahead: float = 1.0) -> Like:
    return Like("new", words, order, tokens, mutual, ahead)


@pytest.mark.parametrize(
    ("body", "worth"),
    [
        (like(), 3.0), (like(0.8, 0.8), 3.0), (like(0.79, 0.79), 2.0), (like(0.6, 0.6), 2.0), (like(0.59, 0.59), 1.0),
        (like(0.45, 0.45), 1.0), (like(0.44, 0.44), 0.0), (like(tokens=25), 3.0), (like(tokens=24), 1.5),
        (like(tokens=12), 1.5), (like(tokens=11), 0.0),
        (like(mutual=False), 0.0), (like(ahead=0.15), 3.0), (like(ahead=0.14), 2.0), (None, 0.0),
    ],
)  # fmt: skip
def test_what_a_body_is_worth(body: Like | None, worth: float) -> None:
    assert of_body(body) == worth


@pytest.mark.parametrize(
    ("uses", "others", "went", "known", "worth"),
    [
        (3, 0, 3, 0, 3.5), (3, 0, 4, 0, 3.5), (3, 0, 5, 0, 3.0), (3, 0, 15, 0, 3.0), (3, 0, 16, 0, 0.0),
        (3, 1, 15, 0, 3.0), (3, 2, 15, 0, 0.0), (3, 0, 15, 1, 3.0), (3, 0, 15, 2, 0.0), (2, 0, 10, 0, 2.0),
        (1, 0, 1, 0, 1.5), (0, 0, 1, 0, 0.0),
    ],
)  # fmt: skip
def test_what_uses_are_worth(uses: int, others: int, went: int, known: int, worth: float) -> None:
    one = Candidate(exact=uses)
    gone = Gone("function", "old", went, known, False, {"new": one, "other": Candidate(near=others)})
    assert of_uses(gone, one) == worth


def test_what_is_near_or_declared_is_worth() -> None:
    near, weak = Candidate(near=3), Candidate(weak=5)
    gone = Gone("function", "old", 9, 0, False, {"new": near})
    assert (of_uses(gone, near), of_uses(gone, weak)) == (2.5, 0.5)
    assert [declared(n, like=0.35) for n in (0, 1, 2, 5)] == [0.0, 1.0, 2.0, 2.0]
    assert declared(2, like=0.34) == 1.0 and declared(2, exact=1) == 2.0


def declared(times: int, like: float = 0.0, exact: int = 0) -> float:
    one = Candidate(declared=times, like=like, exact=exact)
    return of_declared(Gone("field", "old", exact, 0, False, {"new": one}), one)


def none_or(second: Candidate, known: int = 0, **more: Any) -> str | None:
    """What is named where one candidate has uses and the same prototype, and there is a second."""
    first = Candidate(exact=3, near=1, same=1.0, like=0.3)._replace(**more)
    return successor(Gone("function", "old", 4, known, False, {"new": first, "other": second}))


def test_a_second_that_is_as_likely_leaves_none() -> None:
    assert none_or(Candidate(body=like(0.59, 0.59), like=0.3), body=like(0.6, 0.6)) == "new"
    near = Candidate(same=1.0, like=0.6, custom=True, weak=1)
    assert none_or(near) == "new" and none_or(near, exact=1, near=1, like=0.6) is None


def test_a_signal_that_points_at_another_leaves_none() -> None:
    """Each alone: its body, as many uses, its declaration, the prototype of a name like it."""
    assert none_or(Candidate()) == "new"
    assert none_or(Candidate(body=like(0.6, 0.6))) is None and none_or(Candidate(body=like(0.59, 0.59))) == "new"
    few = {"exact": 2, "near": 0, "like": 0.6}
    assert none_or(Candidate(body=like(0.45, 0.45)), **few) is None
    assert none_or(Candidate(body=like(0.44, 0.44)), **few) == "new"
    assert none_or(Candidate(declared=1), **few) is None and none_or(Candidate(declared=1)) == "new"
    assert none_or(Candidate(declared=1), **few, declared=1) == "new"
    kin = Candidate(same=1.0, like=0.6, weak=1)
    assert none_or(kin) == "new" and none_or(kin, same=0.5) is None
    assert none_or(kin._replace(weak=0), same=0.5) == "new" and none_or(kin._replace(like=0.59), same=0.5) == "new"


@pytest.mark.parametrize(("exact", "near", "found"), [(0, 1, "new"), (0, 2, None), (1, 0, None)])
def test_as_many_uses_of_another_leave_none(exact: int, near: int, found: str | None) -> None:
    """A body speaks for the first, and one use for each."""
    first, second = Candidate(exact=1, body=like(), same=1.0), Candidate(exact=exact, near=near)
    assert successor(Gone("function", "old", 3, 0, False, {"new": first, "other": second})) == found


def test_what_sources_do_not_show_is_a_guess() -> None:
    """A name and a prototype alone; a use where more became what was there before; a twin but for underscores."""
    guess = Candidate(same=1.0, like=0.9, custom=True)
    shown = guess._replace(body=like(0.45, 0.45), custom=False)
    assert alone(guess) is None and alone(shown) == "new"
    assert alone(shown, known=1) is None
    assert alone(shown._replace(twin=True)) is None and alone(shown._replace(before=True)) is None


def alone(one: Candidate, known: int = 0) -> str | None:
    return successor(Gone("function", "old", known, known, False, {"new": one}))


@pytest.mark.parametrize(
    ("kind", "alike", "same", "found"),
    [
        ("function", 0.6, 0.5, "new"),
        ("function", 0.59, 0.5, None),
        ("function", 0.6, 0.0, None),
        ("field", 0.6, 0.5, None),
    ],
)
def test_a_function_needs_less_where_name_and_prototype_agree(
    kind: str, alike: float, same: float, found: str | None
) -> None:
    one = Candidate(near=1, weak=1, body=like(0.45, 0.45, tokens=24), like=alike, same=same)
    assert successor(Gone(kind, "old", 2, 0, False, {"new": one})) == found


def test_another_with_the_words_of_the_old_name_leaves_none() -> None:
    first, turned = Candidate(exact=3, same=1.0, like=0.8), Candidate(same=1.0, like=1.0, turned=True)
    assert successor(Gone("function", "old", 3, 0, False, {"new": first})) == "new"
    assert successor(Gone("function", "old", 3, 0, False, {"new": first, "turned": turned})) is None
    assert successor(Gone("function", "old", 3, 0, False, {"turned": turned})) == "turned"


@pytest.mark.parametrize(
    ("others", "declared", "worth"), [(0, 0, 3.5), (1, 0, 1.75), (2, 0, 1.75), (3, 0, 0.0), (3, 2, 5.5)]
)
def test_uses_that_may_be_of_other_structs(others: int, declared: int, worth: float) -> None:
    one = Candidate(exact=3, others=others, declared=declared)
    assert points(Gone("field", "old", 3, 0, False, {"new": one}), one) == worth


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ("abv", "abv", 1.0),
        ("abv", "acv", 0.5),
        ("abv", "abcv", 0.5),
        ("abv", "av", 0.5),
        ("abv", "cdv", 0.0),
        ("av", "bv", 0.0),
    ],
)
def test_prototypes_that_differ_in_one_place(mine: str, theirs: str, same: float) -> None:
    """Each letter is a type, the last that of the value."""
    blobs = []
    for name, letters in (("old", mine), ("new", theirs)):
        kb = KernelBuilder("7.3", enums=False)
        structs = {c: kb.btf.ptr(kb.btf.struct(f"struct_{c}", [("x", kb.s32)])) for c in "abcdv"}
        kb.hook(name, [(f"p{i}", structs[c]) for i, c in enumerate(letters[:-1])], structs[letters[-1]])
        blobs.append(kb.build())
    assert confirmed("function", "", "old", "new", *sides(*blobs)) == same


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [("s32", "s32", 1.0), ("s32", "u64", 0.0), ("s32", "struct", None), ("struct", "s32", None), ("ptr", "s32", None),
     ("ptr", "struct", None), ("s32", "ptr", 0.0)],
)  # fmt: skip
def test_uses_of_a_struct_pass_through_it(mine: str, theirs: str, same: float | None) -> None:
    blobs = []
    for name, kind in (("old", mine), ("new", theirs)):
        kb = KernelBuilder("7.3", enums=False)
        inner = kb.btf.struct("inner", [("x", kb.s32)])
        types = {"s32": kb.s32, "u64": kb.u64, "struct": inner, "ptr": kb.btf.ptr(inner)}
        kb.btf.struct("task", [(name, types[kind])])
        blobs.append(kb.build())
    assert confirmed("field", "task", "old", "new", *sides(*blobs)) == same


def test_bodies_are_read_with_what_is_known_of_other_names() -> None:
    old = Chunk("function", "old", "a.c", "int old(void)\n{\n\treturn page_one(x_val) + page_two(y_val);\n}")
    new = Chunk("function", "new", "a.c", "int new(void)\n{\n\treturn folio_one(x_val) + folio_two(y_val);\n}")
    twin = Chunk("function", "twin", "a.c", "int twin(void)\n{\n\treturn bread(x_val, butter);\n}")
    plain = alike_bodies([old], [new, twin], {})["old"]
    known = alike_bodies([old], [new, twin], {"page_one": "folio_one", "page_two": "folio_two"})["old"]
    assert plain[0].words < known[0].words == 1.0 and known[0].name == "new" and known[0].mutual


def test_the_table_is_written_and_a_pair_of_levels_put_in_its_place(tmp_path: Path) -> None:
    old, new = trees(tmp_path, calls("do_thing", 3), calls("do_things", 3))
    (tmp_path / "old.btf").write_bytes(kernel("do_thing"))
    (tmp_path / "new.btf").write_bytes(kernel("do_things"))
    folder = tmp_path / "tables"
    gone = {"was": [["is", "6.12.1", "7.3.1", 1, 1, 0, 0]], "kept": [["is", "6.1.1", "6.12.1", 1, 1, 0, 0]]}
    tables.write(folder, "renames", {"function": gone, "instead": {"a": ["b", "6.1", "6.12", 1]}}, compress=True)
    main(str(old), str(tmp_path / "old.btf"), str(new), str(tmp_path / "new.btf"), "6.12.1", "7.3.1", str(folder))
    made = dict(tables.read(folder, "renames"))
    assert made["function"] == {"do_thing": [["do_things", "6.12.1", "7.3.1", 3, 3, 0, 0]], "kept": gone["kept"]}
    assert made["instead"] == {"a": ["b", "6.1", "6.12", 1]}


@pytest.mark.parametrize(("kind", "others", "named"), [("field", 1, 1), ("field", 2, 3), ("function", 1, 2)])
def test_of_two_members_with_one_successor_the_surer_has_it(kind: str, others: int, named: int) -> None:
    """Three are put together; functions may be."""
    sure = Gone(kind, "one", 4, 0, False, {"new": Candidate(exact=4, same=1.0, like=0.9)})
    less = [sure._replace(name=f"x{i}", candidates={"new": Candidate(exact=4, same=1.0)}) for i in range(others)]
    front = "s." if kind == "field" else ""
    made = rows([(f"{front}{g.name}", g) for g in (sure, *less)], "6.12.1", "7.3.1")[kind]
    assert len(made) == named and f"{front}one" in made


def test_rows_of_several_levels_stand_in_their_order() -> None:
    one, other = ["b", "6.12.1", "7.3.1", 1, 1, 0, 0], ["c", "6.1.1", "6.12.1", 1, 1, 0, 0]
    assert merged([{"lsm": {"a": [one]}}, {"lsm": {"a": [other]}}]) == {"lsm": {"a": [other, one]}}


def test_uses_in_a_piece_that_names_the_struct_count_for_it(tmp_path: Path) -> None:
    """Another struct has a member of that name, and keeps it; a macro is a piece too."""
    old = "".join(
        f"int f{i}(struct task *p)\n{{\n\treturn p->pid + {i};\n}}\n#define FIRST{i}(p) ((struct task *)p)->pid + {i}\n"
        f"int g{i}(struct other *o)\n{{\n\treturn o->pid + {i};\n}}\n"
        for i in range(2)
    )
    new = old.replace("p->pid", "p->owner").replace(")p)->pid", ")p)->owner")
    both = sides(kernel("f", more=True), kernel("f", field="owner", more=True))
    found = gathered(*trees(tmp_path, old, new), *both)
    assert found.uses.exact["field", "task.pid"] == {"owner": 4} and found.uses.went["field", "task.pid"] == 4
    ((name, gone),) = names_gone(found, *both)
    assert name == "task.pid" and gone.candidates["owner"].others == 0 and successor(gone) == "owner"

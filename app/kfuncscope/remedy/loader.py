# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""C of the loader: which of two programs this kernel is to load (bpf_program__set_autoload)."""

from __future__ import annotations

from kfuncscope.btf.layout import Kind
from kfuncscope.remedy.arguments import Arguments
from kfuncscope.remedy.ctext import NoCodeError, comment, name, snippet, target
from kfuncscope.rules.flow.ctx_args import type_class

_INCLUDED = ("errno.h", "stdbool.h", "stdio.h", "string.h", "bpf/btf.h", "bpf/libbpf.h")
HEADERS = "\n".join(f"#include <{header}>" for header in _INCLUDED)
_PROTO = """\
static const struct btf_type *prototype(const struct btf *btf, const char *function)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);

	return id > 0 ? btf__type_by_id(btf, btf__type_by_id(btf, id)->type) : NULL;
}"""


SYMBOL = """\
static bool has_symbol(const char *name)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char line[512], symbol[256];
	bool found = false;

	while (symbols && !found && fgets(line, sizeof(line), symbols))
		found = sscanf(line, "%*s %*c %255s", symbol) == 1 && !strcmp(symbol, name);
	if (symbols)
		fclose(symbols);
	return found;
}"""
"""What a kprobe needs is a symbol: a function in BTF may have none, and one that has a symbol need not be in BTF."""


def has_symbol(function: str) -> tuple[str, str]:
    """(what it needs, expression): whether the kernel has a function that a kprobe can be placed on."""
    return SYMBOL, f'has_symbol("{target(function)}")'


def exists(hook: str, tracepoint: bool) -> str:
    """An expression: whether the kernel's BTF has a function, or a tracepoint."""
    called, kind = (f"btf_trace_{hook}", "TYPEDEF") if tracepoint else (hook, "FUNC")
    return f'btf__find_by_name_kind(btf, "{target(called)}", BTF_KIND_{kind}) > 0'


def has_layout(old: Arguments, new: Arguments) -> tuple[str, str]:
    """(what it needs, expression): whether the kernel passes the new arguments. Raises NoCodeError."""
    if not old.function or old.function != new.function:
        raise NoCodeError("no function to look at")
    skipped = int(new.function.startswith("__traceiter_"))  # void *__data comes first
    if not new.blob.find(new.function, Kind.FUNC) or not old.blob.find(old.function, Kind.FUNC):
        raise NoCodeError("no function to look at")
    proto = f'prototype(btf, "{target(new.function)}")'
    if len(old.slots) != len(new.slots):
        return _PROTO, f"({proto} && btf_vlen({proto}) == {len(new.slots) + skipped})"
    for at, (was, now) in enumerate(zip(old.slots, new.slots, strict=True), skipped):
        if now.name != was.name and now.name:
            where = f"btf__name_by_offset(btf, btf_params({proto})[{at}].name_off)"
            return _PROTO, f'({proto} && !strcmp({where}, "{name(now.name)}"))'
    for at, (was, now) in enumerate(zip(old.slots, new.slots, strict=True), skipped):
        pointers = [type_class(s.blob, x.type).endswith("*") for s, x in ((old, was), (new, now))]
        if pointers[0] != pointers[1]:
            found = f"btf_is_ptr(btf__type_by_id(btf, btf__resolve_type(btf, btf_params({proto})[{at}].type)))"
            return _PROTO, f"({proto} && {'' if pointers[1] else '!'}{found})"
    raise NoCodeError("nothing tells the two apart")


def chooser(program: str, other: str, condition: str, needs: str = "") -> str:
    """A function to call between open and load: it switches on the one of two programs that fits."""
    called = name(program)
    head = comment("Call it between bpf_object__open() and bpf_object__load().")
    second = name(other) if other else ""
    asks = "btf" in condition
    after = f'\tstruct bpf_program *after = bpf_object__find_program_by_name(obj, "{second}");\n' if second else ""
    missing = " || ".join([*(["!btf"] if asks else []), "!before", *(["!after"] if second else [])])
    refused = ["\t\tbtf__free(btf);", "\t\treturn -ESRCH;"] if asks else ["\t\treturn -ESRCH;"]
    lines = [
        head,
        f"int choose_{called}(struct bpf_object *obj)",
        "{",
        f'\tstruct bpf_program *before = bpf_object__find_program_by_name(obj, "{called}");',
        *([after.rstrip("\n")] if after else []),
        *(["\tstruct btf *btf = btf__load_vmlinux_btf();"] if asks else []),
        "\tbool found;",
        "",
        f"\tif ({missing})" + (" {" if asks else ""),
        *refused,
        *(["\t}"] if asks else []),
        f"\tfound = {condition};",
        *(["\tbpf_program__set_autoload(before, !found);", "\tbpf_program__set_autoload(after, found);"] if second
          else ["\tbpf_program__set_autoload(before, found);"]),
        *(["\tbtf__free(btf);"] if asks else []),
        "\treturn 0;",
        "}",
    ]  # fmt: skip
    return snippet(HEADERS, needs, "\n".join(lines))

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""C of the loader: which of two programs this kernel is to load (bpf_program__set_autoload)."""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.remedy.arguments import Arguments
from kfuncscope.remedy.ctext import NoCodeError, comment, name, snippet, target
from kfuncscope.rules.flow.ctx_args import type_class
from kfuncscope.rules.hooks.attach import KPROBE, KPROBE_MULTI, KSYSCALL, RAW_TP, TRACEPOINT
from kfuncscope.rules.hooks.hook import btf_name

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


def has_hook(kernel: Kernel, program: Program, hook: str, *, by_symbol: bool = False) -> tuple[str, str]:
    """(what it needs, expression): whether the running kernel has a hook, which ``kernel`` has, for a program.

    It is asked for the old hook and never for what replaces it: successors often stand beside what they replace, long
    before that goes. ``by_symbol`` where the new kernel keeps the hook's name in its BTF and only has no symbol of it.
    """
    section = program.section
    if by_symbol or section.kind in KPROBE | KPROBE_MULTI:
        return has_symbol(hook)
    if section.kind in KSYSCALL:
        return has_symbol(f"{kernel.syscall_prefix}sys_{hook}")
    tracepoint = section.attach_type == "TRACE_RAW_TP" or section.kind in RAW_TP | TRACEPOINT
    called = btf_name(program) or hook
    found = kernel.types(f"btf_trace_{hook}", Kind.TYPEDEF) if tracepoint else kernel.functions(called)
    if found and found[0][0]:  # in a module, whose types are not in the BTF of vmlinux
        return has_symbol(f"__traceiter_{hook}" if tracepoint else called)
    return "", exists(hook if tracepoint else called, tracepoint)


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


def chooser(program: str, other: str, condition: str, needs: str = "", *, of_other: bool = False) -> str:
    """A function to call between open and load: it switches on the one of two programs that fits.

    Where the condition holds, that is ``program``; with ``of_other`` it is the other one.
    """
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
        f"\tbpf_program__set_autoload(before, {'!' if of_other else ''}found);",
        *([f"\tbpf_program__set_autoload(after, {'' if of_other else '!'}found);"] if second else []),
        *(["\tbtf__free(btf);"] if asks else []),
        "\treturn 0;",
        "}",
    ]  # fmt: skip
    return snippet(HEADERS, needs, "\n".join(lines))

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Global functions that take the context, on kernels without BTF (R-12.11)."""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Problem, say

# Context types as programs see them (include/linux/bpf_types.h).
CONTEXTS = frozenset(
    {"__sk_buff", "bpf_cgroup_dev_ctx", "bpf_nf_ctx", "bpf_perf_event_data", "bpf_raw_tracepoint_args", "bpf_sk_lookup",
     "bpf_sock", "bpf_sock_addr", "bpf_sock_ops", "bpf_sockopt", "bpf_sysctl", "bpf_user_pt_regs_t", "pt_regs",
     "sk_msg_md", "sk_reuseport_md", "user_pt_regs", "xdp_md"}
)  # fmt: skip


def lacks_btf(kernel: Kernel) -> bool | None:
    """Whether a kernel has no BTF at all; None where it may have some that was not given."""
    if kernel.vmlinux is not None:
        return False
    option = kernel.option("DEBUG_INFO_BTF")
    return True if option == "n" or (option is None and kernel.files.image is not None) else None


def global_context_problems(ctx: Context, program: Program) -> list[Problem]:
    """Global subprograms whose first argument is the context; each counts where it is called."""
    lacks, btf = lacks_btf(ctx.kernel), ctx.obj.btf
    if btf is None or lacks is False:
        return []
    found = []
    for function in program.functions[1:]:
        name = "" if function.static or not function.proto else _context(btf, function.proto)
        if name:
            text = "global function {function} takes the context ({name}), which needs the BTF of {kernel}: "
            text += "it has none" if lacks else "it was not given"
            message = say(text, function=function.name, name=name)
            found.append(
                Problem(NeedKind.OBJECT, function.name, Failure.NO_KERNEL_BTF, ("R-12.11",), message,
                        certain=bool(lacks), confidence=Confidence.HIGH if lacks else Confidence.LOW,
                        place=(function, 0))
            )  # fmt: skip
    return found


def _context(btf: Blob, func: int) -> str:
    """The name of the context type that a function takes first; empty where it takes none."""
    return next((context_name(btf, param.type) for param in btf.params(func)[:1]), "")


def context_name(btf: Blob, of: int) -> str:
    """The name of the context type that a type points to; empty where it does not."""
    bare = btf.skip(of)
    if btf.kind(bare) != Kind.PTR:
        return ""
    target = btf.ref(bare)
    names = {btf.name(target), btf.name(btf.skip(target))}
    return next(iter(sorted(names & CONTEXTS)), "")

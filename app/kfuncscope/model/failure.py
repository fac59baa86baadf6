# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Failure codes: what fails, as one word that stays the same between versions; titles are in model.catalogue."""

from __future__ import annotations

import contextlib
from enum import StrEnum


class Failure(StrEnum):
    """What fails, in one word (``kfunc_not_found``); empty where nothing does.

    Words that earlier versions wrote are read as the code that took their place.
    """

    NONE = ""
    KFUNC_NOT_FOUND = "kfunc_not_found"
    KFUNC_NOT_REGISTERED = "kfunc_not_registered"
    KFUNC_NOT_ALLOWED = "kfunc_not_allowed"
    KFUNC_ADDRESS = "kfunc_address"
    JIT_NO_KFUNC = "jit_no_kfunc"
    JIT_CAPABILITY = "jit_capability"
    KSYM_NOT_FOUND = "ksym_not_found"
    KSYM_NO_ADDRESS = "ksym_no_address"
    KCONFIG_NOT_FOUND = "kconfig_not_found"
    CORE_RELOC_POISONED = "core_reloc_poisoned"
    CORE_RELOC_ERROR = "core_reloc_error"
    HELPER_NOT_AVAILABLE = "helper_not_available"
    LICENCE = "licence"
    INSN_UNSUPPORTED = "insn_unsupported"
    TYPE_UNSUPPORTED = "type_unsupported"
    ATTACH_BTF_NOT_FOUND = "attach_btf_not_found"
    ATTACH_TARGET_REJECTED = "attach_target_rejected"
    CTX_ACCESS_REJECTED = "ctx_access_rejected"
    NULL_CHECK_MISSING = "null_check_missing"
    TYPED_ACCESS_REJECTED = "typed_access_rejected"
    ATTACH_FAILED = "attach_failed"
    RUNTIME_TARGET = "runtime_target"
    FREPLACE_TARGET = "freplace_target"
    STRUCT_OPS_MISMATCH = "struct_ops_mismatch"
    MAP_NOT_CREATED = "map_not_created"
    PROG_ARRAY_OWNER = "prog_array_owner"
    MAP_NOT_FOR_PROGRAM = "map_not_for_program"
    GLOBAL_CALL = "global_call"
    GLOBAL_FUNCTION = "global_function"
    TAIL_CALL_IN_SUBPROGS = "tail_call_in_subprogs"
    UNKNOWN_SECTION = "unknown_section"
    OBJECT_REFUSED = "object_refused"
    LOADER_TOO_OLD = "loader_too_old"
    ENDIANNESS = "endianness"
    NO_KERNEL_BTF = "no_kernel_btf"
    NO_BPF_SYSCALL = "no_bpf_syscall"
    KERNEL_FAULT = "kernel_fault"
    WHAT_IF = "what_if"
    # What only a booted kernel tells.
    EXTERN_NOT_RESOLVED = "extern_not_resolved"
    SLEEP_NOT_ALLOWED = "sleep_not_allowed"
    VERIFIER_REFUSED = "verifier_refused"
    VERIFIER_LIMITS = "verifier_limits"
    NOT_SUPPORTED = "not_supported"
    REFUSED_WITHOUT_TEXT = "refused_without_text"
    CAPABILITY = "capability"
    CONFIG_NOT_GIVEN = "config_not_given"
    OUT_OF_MEMORY = "out_of_memory"
    INTERRUPTED = "interrupted"
    NOT_FINISHED = "not_finished"

    @classmethod
    def _missing_(cls, value: object) -> Failure | None:
        """The code of a word that an earlier version wrote."""
        return _EARLIER.get(value) if isinstance(value, str) else None

    @property
    def key(self) -> str:
        """The word from which the keys of findings are made: the first that was ever written for this code."""
        return _FIRST_WORDS.get(self, self.value)


# Words of earlier versions. Keys of findings (waivers, notes, baselines) are still made of them.
_FIRST_WORDS: dict[Failure, str] = {
    Failure.KFUNC_NOT_REGISTERED: "kfunc_not_allowed",
    Failure.JIT_CAPABILITY: "jit",
    Failure.KSYM_NO_ADDRESS: "ksym_addr_not_found",
    Failure.HELPER_NOT_AVAILABLE: "helper_unknown_or_not_allowed",
    Failure.TYPE_UNSUPPORTED: "einval_empty_log",
    Failure.CTX_ACCESS_REJECTED: "verifier_other",
    Failure.NULL_CHECK_MISSING: "verifier_other",
    Failure.TYPED_ACCESS_REJECTED: "verifier_other",
    Failure.ATTACH_FAILED: "attach",
    Failure.FREPLACE_TARGET: "needs_target_prog",
    Failure.STRUCT_OPS_MISMATCH: "struct_ops_type_or_member",
    Failure.OBJECT_REFUSED: "open_failed",
    Failure.ENDIANNESS: "wrong_endian_object",
    Failure.KERNEL_FAULT: "kernel_build",
    Failure.WHAT_IF: "what-if",
}
_EARLIER = {word: code for code, word in reversed(_FIRST_WORDS.items())}

# Words that earlier versions wrote into proofs; two of them meant something else in findings.
_OF_PROOFS: dict[str, Failure] = {
    "verifier_other": Failure.VERIFIER_REFUSED,
    "einval_empty_log": Failure.REFUSED_WITHOUT_TEXT,
    "not_known": Failure.REFUSED_WITHOUT_TEXT,
    "enotsupp": Failure.NOT_SUPPORTED,
    "enotsupp_no_jit": Failure.NOT_SUPPORTED,
    "harness_no_kconfig": Failure.CONFIG_NOT_GIVEN,
    "instruction_unknown": Failure.INSN_UNSUPPORTED,
    "pointer_type": Failure.TYPED_ACCESS_REJECTED,
    "tail_calls_with_subprograms": Failure.TAIL_CALL_IN_SUBPROGS,
}


def meanings(word: str) -> list[Failure]:
    """The codes that a word in a report can mean, newest sense of proofs first; empty for one that is not known."""
    found = [_OF_PROOFS[word]] if word in _OF_PROOFS else []
    with contextlib.suppress(ValueError):
        found.append(Failure(word))
    return list(dict.fromkeys(found))

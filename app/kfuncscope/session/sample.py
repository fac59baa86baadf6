# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sample session: the embedded Debian kernels, old and new, and the programs that tell the story."""

from __future__ import annotations

from kfuncscope.resources import sample
from kfuncscope.session.session import KernelRef, Session

OLD = ("6.12-x86_64", "6.12-arm64", "6.12-ppc64le", "6.12-riscv64", "6.12-s390x")
NEW = ("7.3-x86_64", "7.3-arm64", "7.2-ppc64le", "7.2-riscv64", "7.2-s390x")


def sample_session() -> Session:
    """Five architectures, 6.12 to the newest that Debian has of each, and all sample programs."""
    return Session(
        old=[KernelRef([str(sample("kernels", name, "vmlinux.btf.xz"))], label=f"Debian {name}") for name in OLD],
        new=[KernelRef([str(sample("kernels", name, "vmlinux.btf.xz"))], label=f"Debian {name}") for name in NEW],
        objects=[str(sample("objects"))],
    )

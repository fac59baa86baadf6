# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel does with a program, and what an upgrade changes: the rules of libbpf and the verifier."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Proof by booting: load programs into the kernel of a package, in a virtual machine, beside what ``judge`` says."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Proof by booting: load the programs into the kernel of a package, in a virtual machine, and compare with ``judge``."""

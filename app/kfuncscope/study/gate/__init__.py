# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel build without objects: faults of its BTF and modules, and what it lost against an older one."""

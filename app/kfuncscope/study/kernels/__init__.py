# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is said of a kernel by itself: faults of its build, what it lost, what its missing parts cost."""

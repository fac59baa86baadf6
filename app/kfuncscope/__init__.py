# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kfuncscope: which BPF programs break on a kernel upgrade, on which architecture, why, and what to do."""

__version__ = "0.1.0"

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An upgrade as a whole: analysing, keeping, merging, writing and reading results."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Windows of their own: the rule's text, the keys, two kernels compared."""

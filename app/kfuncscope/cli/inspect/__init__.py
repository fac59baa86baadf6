# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Commands about files themselves: one kernel, one object, one rule, the tables, the cache."""

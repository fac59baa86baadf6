# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Parts that views are built of: chips, columns of text, lists to choose from."""

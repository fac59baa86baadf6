# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which commit of a kernel repository made the change that a cause names: a search with git on the user's clone."""

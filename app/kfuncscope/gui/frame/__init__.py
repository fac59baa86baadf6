# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What surrounds the views: menus, docks, the size of the window, the command line, the language."""

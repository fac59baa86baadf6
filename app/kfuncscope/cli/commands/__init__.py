# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The commands, one file each; ``cli.main`` holds their options and imports only the one that is asked for."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Views of an analysis: graph, usage, path, life of a need, rows and frames."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One file for each format: an analysis and its decision in, bytes out."""

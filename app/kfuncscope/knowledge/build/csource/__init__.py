# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The C of a kernel tree as text, as statements, and as a function run symbolically."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One file for each kind of need: does this kernel provide it?"""

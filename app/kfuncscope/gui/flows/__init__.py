# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pictures that always fit: packages and their causes, programs before and after."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What commands of the window do."""

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What to do about a finding: a sentence, and C with the program's own names that compiles and is ready to paste."""

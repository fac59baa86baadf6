# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``python -m kfuncscope``: the command line."""

from __future__ import annotations

import sys

from kfuncscope.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where objects are judged: in this process, in processes of this machine, or on the workers of a Dask scheduler."""

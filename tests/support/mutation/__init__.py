# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Mutation of the engine on a seeded sample: which small faults in the code do the tests notice?

``.ci/mutate`` runs it. The operators are those of cosmic-ray; sampling, choice of tests and limits are here, because
cosmic-ray runs every mutant against one test command.
"""

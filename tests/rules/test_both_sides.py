# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which tests stand on both sides of the boundaries of each rule of section 12."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from kfuncscope.model import catalogue

TESTS = Path(__file__).parent.parent

BOUNDARIES = {
    "R-12.1": "rules/checks/test_tail_calls.py: users_of_one_map, slots_that_the_object_fills, cgroup_storage",
    "R-12.2": "rules/checks/test_tail_calls.py: tail_calls_in_programs_with_subprograms, never_by_the_interpreter",
    "R-12.3": "rules/checks/test_jit.py: sessions, exceptions, no_interpreter, arguments_of_kfuncs, nested_schedulers, "
    "stack_of_all_frames; rules/checks/test_regions.py: bpf_throw_under_a_lock, bpf_throw_in_a_subprogram",
    "R-12.4": "rules/flow/test_typed_access.py: an_argument_that_became_a_number, a_number_on_both_kernels",
    "R-12.5": "rules/flow/test_typed_access.py: a_test_that_flips_to_a_branch, relocated_reads_of_another_struct",
    "R-12.6": "rules/flow/test_typed_access.py: fixed_offsets_behind_an_argument, what_helpers_return; "
    "rules/flow/test_walk.py: every_place_of_a_struct, numbers_in_unions; rules/flow/test_moved_members.py: "
    "a_member_that_moved_away, renamed_gone_and_later, reads_more_than_is_left, what_the_object_was_built_for",
    "R-12.7": "rules/flow/test_typed_access.py: that_hand_out_larger_structs, that_hand_out_arguments_themselves",
    "R-12.8": "rules/hooks/test_records.py: reads_past_the_last_field, what_an_upgrade_does, ends_of_system_calls",
    "R-12.9": "rules/hooks/test_records.py: the_record_of_a_system_call_is_another, what_both_kernels_read_wrongly",
    "R-12.10": "rules/flow/test_enums.py: a_number_that_stood_for_an_enumerator, relocated_values",
    "R-12.11": "rules/core/test_kernel_btf.py: global_functions_that_take_the_context",
    "R-12.12": "rules/core/test_kernel_btf.py: a_module_of_another_build, only_the_header, a_btf_of_fields, were_cut",
    "R-12.13": "rules/core/test_names_and_kinds.py: a_function_of_a_module_that_was_not_given",
    "R-12.14": "rules/checks/test_externs.py: programs_that_use_what_is_refused, may_live_in_a_module",
    "R-12.15": "rules/changes/test_object_verdicts.py: alternatives_are_what, two_jobs_on_one_hook, is_never_fixed",
    "R-12.16": "rules/core/test_names_and_kinds.py: clones_beside_the_plain_name",
    "R-12.17": "rules/core/test_names_and_kinds.py: a_field_that_is_there_and_does_not_match, a_field_that_matches",
    "R-12.18": "rules/hooks/test_replace.py: a_replacement_and_its_target, any_target_that_fits_will_do",
    "R-12.19": "rules/core/test_kernel_btf.py: a_wider_unsigned_number_is_no_risk",
    "R-12.20": "rules/checks/test_loaders.py: names_by_prefix, what_each_loader_takes, kinds_of_btf, objects_own_btf, "
    "forms_that_loaders_learned, r_12_20_sections, headers_and_layouts",
    "R-12.21": "kernel/test_null_args.py: the_version_that_an_image_tells; knowledge/test_levels.py: names_of_an_abi; "
    "rules/flow/test_reachability.py: is_no_abi_name",
    "R-12.22": "knowledge/test_levels.py: neighbours_of_a_release, a_point_release_changes_facts; "
    "rules/checks/test_regions.py: bpf_throw_between_levels",
    "R-12.23": "rules/changes/test_oldest.py: pointers_of_global_functions; "
    "rules/hooks/test_hook.py: flags_of_sections_that_came_later; "
    "rules/checks/test_global_functions.py: 5_10_takes_no_pointer, 5_10_takes_and_returns_numbers",
    "R-12.24": "rules/checks/test_regions.py: functions_under_a_lock, a_static_subprogram_leaves_open",
    "R-12.25": "rules/changes/test_oldest.py: maps_of_programs_that_sleep, in_code_that_never_runs",
    "R-12.26": "rules/checks/test_global_functions.py: a_type_with_a_size, test_tags, may_be_null, "
    "null_for_an_argument, what_is_returned, "
    "five_arguments_and_not_six",
    "R-12.27": "rules/checks/test_managed.py: what_values_hold, structs_that_it_knows, among_static_variables, "
    "hash_maps_that_allocate_late",
    "R-12.28": "rules/checks/test_managed.py: no_timers_under_preempt_rt",
    "R-12.29": "rules/checks/test_externs.py: no_version_for_libbpf; kernel/test_null_args.py: finds_no_version",
    "R-12.30": "rules/flow/test_allocated.py: past_the_size, where_it_is_reached",
    "R-12.31": "rules/checks/test_protection.py: where_protection_ends, programs_that_cannot_sleep",
}


@cache
def defined(path: str) -> tuple[str, ...]:
    """Names of the tests of a file."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return tuple(n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


@pytest.mark.parametrize("rule", [r.id for r in catalogue.rules() if r.section == 12])
def test_a_rule_has_tests_on_both_sides_of_its_boundaries(rule: str) -> None:
    for part in BOUNDARIES[rule].split("; "):
        path, _, words = part.partition(": ")
        for word in words.split(", "):
            assert [name for name in defined(path) if word in name], f"{path} has no test {word}"


def test_no_rule_is_listed_that_is_none() -> None:
    assert set(BOUNDARIES) <= {r.id for r in catalogue.rules()}

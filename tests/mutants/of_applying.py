"""Wrong applying and taking back: sync/."""

from __future__ import annotations

from .mutant import Mutant

PAIRS = "tests/sync/test_pairs.py"
PLAN = "tests/sync/test_plan.py"
TICKS = "tests/sync/test_ticks.py"
UNDOING = "tests/sync/test_undoing.py"

MUTANTS = (
    Mutant(
        name="decision_not_looked_at_again",
        breaks="S6",
        module="sync.applying.judge",
        old="    return DECIDED if facts.decided(step) else _objection_to_overwriting(step, facts)",
        new="    return _objection_to_overwriting(step, facts)",
        killed_by=f"{PLAN}::test_a_person_who_excluded_meanwhile_comes_first",
    ),
    Mutant(
        name="client_overwritten_unseen",
        breaks="S2",
        module="sync.applying.judge",
        old='facts.digests.get(step.client_pk, "") != seen["client"]:',
        new="False:",
        killed_by=f"{PLAN}::test_a_client_that_was_edited_is_held_back",
    ),
    Mutant(
        name="customer_not_looked_at_again",
        breaks="S2",
        module="sync.applying.judge",
        old='if customer is None or customer.record["digest"] != seen["customer"]:',
        new="if customer is None:",
        killed_by=f"{PLAN}::test_a_customer_that_changed_is_held_back",
    ),
    Mutant(
        name="second_mapping_overwrites",
        breaks="S1",
        module="sync.records.known",
        old="if client_pk in self.mapped_elsewhere or client_pk in self.creates:",
        new="if client_pk in self.creates:",
        killed_by="tests/sync/test_two_companies.py::test_only_the_first_mapping_overwrites",
    ),
    Mutant(
        name="base_is_what_was_written",
        breaks="L2",
        module="sync.applying.record",
        old="    site = outcome.record.contact.values(settled)\n",
        new="    site = project(customer.contact, adapter.paths).values(settled)\n",
        killed_by=f"{PAIRS}::test_a_host_that_changes_values_makes_no_loop",
    ),
    Mutant(
        name="no_journal",
        breaks="S12",
        module="sync.applying.record",
        old="        Change.objects.bulk_create(made)\n",
        new="        pass\n",
        killed_by="tests/sync/test_first_sync.py::test_the_journal_keeps_what_was_there_before",
        raises="DoesNotExist",
    ),
    Mutant(
        name="no_transaction",
        breaks="rule 14",
        module="sync.applying.apply",
        old="        with transaction.atomic():\n            batch = Batch(",
        new="        if True:\n            batch = Batch(",
        killed_by="tests/sync/test_apply.py::test_nothing_of_a_transaction_that_fails_remains",
    ),
    Mutant(
        name="unticked_is_done",
        breaks="S10",
        module="sync.applying.batch",
        old="ticked = [step for step in standing if step.state != Step.State.UNTICKED]",
        new="ticked = standing",
        killed_by=f"{TICKS}::test_an_unticked_change_stands_as_agreed_on_both_sides",
    ),
    Mutant(
        name="shown_plan_is_done",
        breaks="S10",
        module="sync.records.gate",
        old="is_asked_for=state.is_shown,",
        new="is_asked_for=False,",
        killed_by=f"{TICKS}::test_a_plan_that_is_asked_for_writes_nothing_on_either_side",
        raises="DoesNotExist",
    ),
    Mutant(
        name="brake_forgets_the_day",
        breaks="S15",
        module="sync.records.gate",
        old="return written | {record(*about) for about in deleted",
        new="return set() & {record(*about) for about in deleted",
        killed_by="tests/sync/test_gate.py::test_small_runs_add_up_within_a_day",
    ),
    Mutant(
        name="poison_never_parked",
        breaks="L5",
        module="sync.applying.apply",
        old="if state.crashes >= PARK_AFTER:",
        new="if False:",
        killed_by="tests/sync/test_crash.py"
        "::test_a_record_that_kills_is_parked_and_the_others_finish",
    ),
    Mutant(
        name="innocent_parked",
        breaks="L5",
        module="sync.applying.apply",
        old="        if single:  # what went well",
        new="        if False:  # what went well",
        killed_by="tests/sync/test_crash.py::test_no_innocent_record_is_parked",
    ),
    Mutant(
        name="undo_tramples",
        breaks="S11",
        module="sync.applying.putting_back",
        old="        if same(name, getattr(held, name), value_from_json(name, now))\n",
        new="",
        killed_by=f"{UNDOING}::test_what_was_edited_since_is_left_and_named",
    ),
    Mutant(
        name="undone_and_done_again",
        breaks="S11",
        module="sync.applying.record",
        old='return {**base, "site": base["site"] | now} if "site" in base else base',
        new="return base",
        killed_by=f"{UNDOING}::test_no_sync_undoes_it_and_an_edit_travels",
    ),
    Mutant(
        name="undo_deletes_what_was_edited",
        breaks="S11",
        module="sync.people.undo",
        old="        if _is_edited(pair, made, adapter):\n            return Undone.EDITED\n",
        new="",
        killed_by="tests/admin/actions/test_undo.py::test_one_that_somebody_edited_stays",
    ),
)

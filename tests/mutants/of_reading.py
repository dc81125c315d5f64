"""Wrong reading and noticing, on both sides: sync/."""

from __future__ import annotations

from .mutant import Mutant

CHANGES = "tests/sync/test_changes.py"
NOTICING = "tests/sync/test_noticing.py"
PAIRS = "tests/sync/test_pairs.py"
PULL = "tests/sync/test_pull.py"

MUTANTS = (
    Mutant(
        name="cursor_from_local_clock",
        breaks="L4",
        module="sync.reading.pull",
        old='"cursor": as_of - OVERLAP,',
        new='"cursor": clock.now() - OVERLAP,',
        killed_by=f"{CHANGES}::test_the_cursor_is_quickbooks_own_time_less_ten_minutes",
    ),
    Mutant(
        name="cursor_without_overlap",
        breaks="L4",
        module="sync.reading.pull",
        old='"cursor": as_of - OVERLAP,',
        new='"cursor": as_of,',
        killed_by=f"{CHANGES}::test_the_cursor_is_quickbooks_own_time_less_ten_minutes",
    ),
    Mutant(
        name="cursor_moved_first",
        breaks="L4",
        module="sync.reading.pull",
        old="        with lease.transaction(**changes, **_ended(state, found.server_time)):\n"
        "            mirror(",
        new="        lease.renew(**changes, **_ended(state, found.server_time))\n"
        "        with lease.transaction():\n            mirror(",
        killed_by=f"{CHANGES}::test_the_cursor_moves_with_the_rows_or_not_at_all",
    ),
    Mutant(
        name="too_many_changes_are_all",
        breaks="L4",
        module="sync.reading.pull",
        old="elif found.too_many:",
        new="elif False:",
        killed_by=f"{CHANGES}::test_too_many_changes_come_in_pages[4]",
    ),
    Mutant(
        name="short_page_is_the_last",
        breaks="L4",
        module="sync.reading.pull",
        old="last = done >= total if since is None else not read.customers",
        new="last = len(read.customers) < PAGE",
        killed_by=f"{PULL}::test_a_short_page_is_not_the_last_one",
    ),
    Mutant(
        name="empty_answer_is_an_empty_company",
        breaks="L4",
        module="sync.reading.pull",
        old="if not read.customers and done < total:",
        new="if False:",
        killed_by=f"{PULL}::test_an_empty_answer_is_no_empty_company",
    ),
    Mutant(
        name="older_reading_taken",
        breaks="rule 6",
        module="sync.reading.pull",
        old="elif not believed and _is_older(columns, customer):",
        new="elif False:",
        killed_by=f"{PAIRS}::test_an_older_reading_is_dropped",
    ),
    Mutant(
        name="sync_tokens_as_texts",
        breaks="rule 6",
        module="sync.reading.pull",
        old='columns["record"]["sync_token"] < customer.record["sync_token"]',
        new='str(columns["record"]["sync_token"]) < str(customer.record["sync_token"])',
        killed_by=f"{PAIRS}::test_sync_tokens_compare_as_numbers",
    ),
    Mutant(
        name="companies_share_their_mirror",
        breaks="S8",
        module="sync.reading.pull",
        old="known = Customer.objects.filter(connection=connection, qbo_id__in=list(snapshots))",
        new="known = Customer.objects.filter(qbo_id__in=list(snapshots))",
        killed_by="tests/sync/test_connect.py::test_two_companies_never_mix",
    ),
    Mutant(
        name="inactive_taken_for_active",
        breaks="S9",
        module="sync.reading.pull",
        old="    if not read.active:\n        return Standing.INACTIVE\n",
        new="",
        killed_by=f"{PAIRS}::test_an_inactive_customer_puts_its_mapping_to_sleep",
    ),
    Mutant(
        name="excluded_are_read",
        breaks="S6",
        module="sync.walk.one",
        old="return excluded.exists() or asleep.exists()",
        new="return False",
        killed_by="tests/sync/test_one.py::test_what_a_person_said_no_to_is_not_read",
    ),
    Mutant(
        name="excluded_are_matched",
        breaks="S6",
        module="sync.records.known",
        old="            and qbo_id not in self.excluded_customers,\n",
        new="",
        killed_by="tests/sync/test_nos.py::test_an_excluded_customer_is_inert",
    ),
    Mutant(
        name="deleted_client_made_again",
        breaks="U16",
        module="sync.records.known",
        old="held={qbo_id for qbo_id, _ in said[Decision.Kind.CLIENT_DELETED]},",
        new="held=set(),",
        killed_by="tests/sync/test_nos.py"
        "::test_a_customer_whose_client_was_deleted_is_not_created_from",
    ),
    Mutant(
        name="notices_of_anything",
        breaks="rule 5",
        module="sync.noticing.notices",
        old='return event.entity == "customer" and event.realm in realms',
        new="return event.realm in realms",
        killed_by="tests/test_webhooks.py::test_what_is_not_about_us_is_counted_and_answered_with_200"
        "[sent1]",
    ),
    Mutant(
        name="reset_not_noticed",
        breaks="rule 6",
        module="sync.reading.reset",
        old="if not exceeds_brake(unseen, known) or is_agreed(state):",
        new="if True:",
        killed_by="tests/sync/test_reset.py"
        "::test_the_company_rests_until_a_person_says_go_on[other Ids]",
    ),
    Mutant(
        name="gap_not_noticed",
        breaks="U19",
        module="sync.walk.gap",
        old="return clock.now() - state.synced_at > max(LONG, INTERVALS * usual)",
        new="return False",
        killed_by="tests/sync/test_gap.py"
        "::test_after_long_silence_what_would_be_sent_waits[7-15-True]",
    ),
    Mutant(
        name="only_what_raised_a_signal",
        breaks="S1",
        module="sync.noticing.sweep",
        old="        records = self.adapter.records_after(state.swept_to)\n        if not records:",
        new="        records = self.adapter.records_after(state.swept_to)\n        if True:",
        killed_by=f"{NOTICING}::test_an_edit_is_noticed_once_whatever_wrote_it[queryset_update]",
    ),
    Mutant(
        name="no_echo_check",
        breaks="L2",
        module="sync.applying.record",
        old="            moved.append(now)\n",
        new="            pass\n",
        killed_by=f"{PAIRS}::test_our_writes_move_a_footprint",
    ),
    Mutant(
        name="edit_beside_our_write_swallowed",
        breaks="S1",
        module="sync.applying.record",
        old="if (row.digest if row else None) != before.get(pk):",
        new="if False:",
        killed_by=f"{PAIRS}::test_a_footprint_that_a_person_stepped_out_of_stays",
    ),
    Mutant(
        name="new_field_map_is_an_edit",
        breaks="rule 12",
        module="sync.noticing.sweep",
        old="events = [record for record in differing if known.get(record.pk) in current]",
        new="events = differing",
        killed_by=f"{NOTICING}::test_a_footprint_of_another_field_map_makes_no_event",
    ),
)

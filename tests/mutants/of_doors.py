"""Wrong doors: qbo/ and host/."""

from __future__ import annotations

from .mutant import Mutant

CLIENT = "tests/qbo/test_client.py"
LENS = "tests/qbo/test_lens.py"
BATCHES = "tests/qbo/test_batches.py"
WEBHOOK = "tests/qbo/test_webhook.py"

MUTANTS = (
    Mutant(
        name="no_sparse",
        breaks="S5",
        module="qbo.writes",
        old='head = {"Id": checked_id(qbo_id), "SyncToken": str(sync_token), "sparse": True}',
        new='head = {"Id": checked_id(qbo_id), "SyncToken": str(sync_token)}',
        killed_by="tests/qbo/test_sandbox.py::test_a_sparse_update_leaves_the_rest",
        raises="ValueError",
    ),
    Mutant(
        name="every_write_reactivates",
        breaks="S9",
        module="qbo.writes",
        old='head = {"Id": checked_id(qbo_id), "SyncToken": str(sync_token), "sparse": True}',
        new='head = {"Id": checked_id(qbo_id), "SyncToken": str(sync_token), "sparse": True}\n'
        '    head["Active"] = True',
        killed_by="tests/sync/test_push.py::test_an_edit_reaches_quickbooks",
        raises="ValueError",
    ),
    Mutant(
        name="no_look_at_what_is_written",
        breaks="S5",
        module="qbo.client",
        old='if "Id" in customer and not (customer.get("sparse") is True',
        new='if False and not (customer.get("sparse") is True',
        killed_by=f"{CLIENT}::test_nothing_but_sparse_bodies_of_customers_is_written"
        '[customer-{"Id":"7","SyncToken":"1","sparse":false,"DisplayName":"A"}]',
        raises="QboError",
    ),
    Mutant(
        name="everything_is_written",
        breaks="S5",
        module="qbo.lens",
        old="        if value == getattr(old, field):\n            continue\n",
        new="",
        killed_by="tests/qbo/test_sandbox.py::test_every_customer_of_the_sandbox_obeys_the_lens",
    ),
    Mutant(
        name="address_loses_what_the_site_lacks",
        breaks="S5",
        module="qbo.lens",
        old="    new = dict(row)\n",
        new="    new = {}\n",
        killed_by=f"{LENS}::test_an_address_goes_out_whole_and_its_packed_lines_stay",
    ),
    Mutant(
        name="other_emails_lost",
        breaks="S1",
        module="qbo.lens",
        old="        return held[:start] + value + held[start + len(first) :]",
        new="        return value",
        killed_by="tests/sync/test_push.py"
        "::test_the_other_addresses_of_an_email_are_no_question[False]",
    ),
    Mutant(
        name="deleted_mark_is_copied",
        breaks="U8",
        module="qbo.lens",
        old='return DELETED_SUFFIX.sub("", display_name) or display_name',
        new="return display_name",
        killed_by=f"{LENS}::test_the_mark_of_inactive_ones_is_never_copied[True- (deleted)]",
    ),
    Mutant(
        name="no_request_id",
        breaks="S4",
        module="qbo.client",
        old='            given["requestid"] = request_id\n',
        new="",
        killed_by="tests/qbo/test_sandbox.py::test_the_same_request_id_makes_one_customer",
        raises="QboError",
    ),
    Mutant(
        name="answers_paired_by_order",
        breaks="S8",
        module="qbo.writes",
        old="return {bid: found.get(bid) or _unknown(intuit_tid) for bid in bids}",
        new="return dict(zip(bids, found.values(), strict=False))",
        killed_by=f"{BATCHES}::test_each_item_has_a_result_whatever_the_order",
    ),
    Mutant(
        name="missing_answer_is_a_refusal",
        breaks="S4",
        module="qbo.writes",
        old='QboError.of("shape", status=200, write=True, ',
        new='QboError.of("shape", status=200, ',
        killed_by=f"{BATCHES}::test_an_item_without_an_answer_may_have_been_done[[]]",
    ),
    Mutant(
        name="token_to_another_company",
        breaks="S8",
        module="qbo.client",
        old='if not path.startswith(f"{self.api_url}/company/{self.company_id}/"):',
        new='if not path.startswith(f"{self.api_url}/company/"):',
        killed_by=f"{CLIENT}::test_the_token_goes_to_the_company_only",
        raises="QboError",
    ),
    Mutant(
        name="write_sent_again_after_a_cut",
        breaks="S4",
        module="qbo.client",
        old='if kind != "read" or error.code != "cut":',
        new='if error.code != "cut":',
        killed_by=f"{CLIENT}::test_a_write_is_not_and_its_outcome_is_unknown",
    ),
    Mutant(
        name="throttling_kept_to_oneself",
        breaks="S16",
        module="qbo.client",
        old="            self._budget.throttled(error.retry_after or THROTTLED_SECONDS)",
        new="            pass",
        killed_by=f"{CLIENT}::test_throttling_reaches_the_budget[headers0-60]",
    ),
    Mutant(
        name="rate_too_high",
        breaks="S16",
        module="qbo.limits",
        old="return start + interval, max(0.0, wait)",
        new="return start + interval / 2, max(0.0, wait)",
        killed_by="tests/qbo/test_limits.py::test_never_more_than_ten_a_second",
    ),
    Mutant(
        name="inactive_left_out",
        breaks="U8",
        module="qbo.query",
        old='_ALL: Final = "Active IN (true,false)"',
        new='_ALL: Final = "Active = true"',
        killed_by="tests/qbo/test_query.py::test_a_page_is_by_id_with_the_inactive_ones",
    ),
    Mutant(
        name="backslash_not_escaped",
        breaks="S8",
        module="qbo.query",
        old="""escaped = text.replace("\\\\", "\\\\\\\\").replace("'", "\\\\'")""",
        new="""escaped = text.replace("'", "\\\\'")""",
        killed_by="tests/qbo/test_query.py::test_known_ways_out_are_closed"
        r"[ends with \\-'ends with \\\\']",
    ),
    Mutant(
        name="a_thousand_changes_are_all",
        breaks="L4",
        module="qbo.api",
        old="gone, len(found) >= CHANGES)",
        new="gone, False)",
        killed_by="tests/qbo/test_changes.py::test_a_thousand_may_not_be_all[1000-True]",
    ),
    Mutant(
        name="time_without_its_offset",
        breaks="L4",
        module="qbo.query",
        old='return at.isoformat(timespec="seconds")',
        new='return at.replace(tzinfo=None).isoformat(timespec="seconds")',
        killed_by="tests/qbo/test_changes.py::test_one_read_brings_what_changed_and_quickbooks_own_time",
    ),
    Mutant(
        name="signature_not_compared",
        breaks="S8",
        module="qbo.webhook",
        old="return any(matches)",
        new="return bool(given)",
        killed_by="tests/test_webhooks.py::test_a_changed_byte_breaks_the_signature",
    ),
    Mutant(
        name="signed_by_no_token",
        breaks="S8",
        module="qbo.webhook",
        old="for token in tokens if token]",
        new="for token in tokens]",
        killed_by=f"{WEBHOOK}::test_without_a_token_nothing_is_signed[tokens1]",
    ),
    Mutant(
        name="secrets_in_errors",
        breaks="S14",
        module="qbo.envelopes",
        old="    for shape in _TOKENS:\n        text = shape.sub(MASK, text)\n",
        new="",
        killed_by="tests/qbo/test_faults.py"
        "::test_tokens_are_struck_out_of_every_text[x {} y-token3]",
    ),
    Mutant(
        name="code_before_status",
        breaks="S16",
        module="qbo.fault_table",
        old="if row.fits(status, code)",
        new="if row.fits(None, code)",
        killed_by="tests/qbo/test_faults.py::test_the_status_decides_first[6240]",
    ),
    Mutant(
        name="our_writes_are_hints",
        breaks="rule 12",
        module="host.tracking",
        old="    if _ours.get():\n        return\n",
        new="",
        killed_by="tests/host/test_writing.py::test_save_takes_three_queries",
    ),
)

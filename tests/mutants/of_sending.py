"""Wrong sending, and wrong walking under leases, logins and limits: sync/."""

from __future__ import annotations

from .mutant import Mutant

LEASE = "tests/sync/test_lease.py"
NEWCOMERS = "tests/sync/test_newcomers.py"
PUSH = "tests/sync/test_push.py"
TOKEN = "tests/sync/test_token.py"

MUTANTS = (
    Mutant(
        name="token_read_before_writing",
        breaks="S2",
        module="sync.sending.push",
        old="        reply = api.batch(send.body, send.request_id)\n",
        new="""\
        body = json.loads(send.body)
        for item in body["BatchItemRequest"]:
            now = api.customer(item["Customer"]["Id"])
            item["Customer"]["SyncToken"] = now["SyncToken"]
        reply = api.batch(json.dumps(body), send.request_id)
""",
        killed_by=f"{PUSH}::test_the_same_field_edited_there_meanwhile_is_a_conflict",
    ),
    Mutant(
        name="lost_reply_sent_as_new",
        breaks="S4",
        module="sync.sending.push",
        old="        reply = api.batch(send.body, send.request_id)\n",
        new="        reply = api.batch(send.body, str(uuid.uuid4()))\n",
        killed_by=f"{PUSH}::test_a_lost_reply_is_settled_by_sending_the_same_again[after]",
    ),
    Mutant(
        name="written_down_after_the_call",
        breaks="S4",
        module="sync.sending.push",
        old="""\
    with lease.transaction():
        Send.objects.filter(pk=send.pk).update(
            tries=F("tries") + 1, first_tried_at=Coalesce("first_tried_at", clock.now())
        )
""",
        new="",
        killed_by=f"{PUSH}::test_a_lost_reply_is_settled_by_sending_the_same_again[before]",
    ),
    Mutant(
        name="sent_again_for_ever",
        breaks="L5",
        module="sync.sending.push",
        old="return tried is None or (send.tries < TRIES and tried > clock.now() - REPLAYED_FOR)",
        new="return True",
        killed_by=f"{PUSH}::test_it_is_sent_again_three_times_at_most",
    ),
    Mutant(
        name="not_settled_by_reading",
        breaks="S4",
        module="sync.sending.push",
        old="    results |= _found(send, api, list(rows.filter(kind=Outbox.Kind.CREATE)))\n",
        new="    unsaid = writes.Refused(QboError.of(replies.NOT_FOUND))\n"
        "    results |= {row.bid: unsaid for row in rows.filter(kind=Outbox.Kind.CREATE)}\n",
        killed_by=f"{NEWCOMERS}::test_a_lost_reply_makes_no_second_customer[reading-after]",
    ),
    Mutant(
        name="one_bad_item_stops_all",
        breaks="L5",
        module="sync.sending.push",
        old="        if _halve(lease, send, error):",
        new="        if False:",
        killed_by=f"{PUSH}::test_a_batch_that_is_refused_as_a_whole_is_halved[False]",
    ),
    Mutant(
        name="taken_back_and_sent_all_the_same",
        breaks="S6",
        module="sync.applying.outgoing",
        old="        elif is_paired and all(directions",
        new="        elif True or all(directions",
        killed_by="tests/sync/test_under_way.py"
        "::test_what_a_person_took_back_is_not_sent[apply.committed-removes_the_match]",
    ),
    Mutant(
        name="excluded_and_created_all_the_same",
        breaks="S4",
        module="sync.applying.adding",
        old="if record is None or not is_wanted or row.client_pk in taken:",
        new="if record is None or not is_wanted:",
        killed_by="tests/sync/test_creation.py"
        "::test_who_is_excluded_when_it_is_written_is_not_created",
    ),
    Mutant(
        name="answer_is_no_base",
        breaks="L2",
        module="sync.sending.replies",
        old='"qbo": base.get("qbo", {}) | now,',
        new='"qbo": base.get("qbo", {}),',
        killed_by=f"{PUSH}::test_an_edit_reaches_quickbooks",
    ),
    Mutant(
        name="base_is_what_was_sent",
        breaks="L2",
        module="sync.sending.replies",
        old='"qbo": base.get("qbo", {}) | now,',
        new='"qbo": base.get("qbo", {}) | sent,',
        killed_by=f"{PUSH}::test_what_it_kept_instead_is_a_case",
    ),
    Mutant(
        name="no_journal_of_what_was_sent",
        breaks="S12",
        module="sync.sending.replies",
        old="    Change.objects.bulk_create(changes)\n",
        new="",
        killed_by=f"{PUSH}::test_an_edit_reaches_quickbooks",
        raises="DoesNotExist",
    ),
    Mutant(
        name="merged_and_sent_for_ever",
        breaks="L5",
        module="sync.sending.replies",
        old="if row.rounds + 1 >= ROUNDS:",
        new="if row.rounds + 1 >= 9:",
        killed_by=f"{PUSH}::test_after_three_rounds_a_person_is_told",
    ),
    Mutant(
        name="lease_without_epoch",
        breaks="rule 10",
        module="sync.access.lease",
        old="pk=self.pk, epoch=self.epoch, slice=self.slice, lease_until__isnull=False",
        new="pk=self.pk, lease_until__isnull=False",
        killed_by=f"{LEASE}::test_silent_walker_is_fenced_off",
    ),
    Mutant(
        name="lease_taken_from_its_holder",
        breaks="rule 10",
        module="sync.access.lease",
        old="taken = rows.filter(FREE).update(",
        new="taken = rows.update(",
        killed_by=f"{LEASE}::test_only_one_walks",
    ),
    Mutant(
        name="lease_by_the_local_clock",
        breaks="rule 10",
        module="sync.access.lease",
        old="return Now() + timedelta(seconds=max(at_least, settings.LEASE_SECONDS))",
        new="from wagtail_qbo_sync import clock\n\n"
        "    return clock.now() + timedelta(seconds=max(at_least, settings.LEASE_SECONDS))",
        killed_by=f"{LEASE}::test_times_are_the_databases",
    ),
    Mutant(
        name="slice_runs_twice",
        breaks="rule 13",
        module="sync.access.lease",
        old="started = rows.filter(epoch=epoch, slice=slice, lease_until__isnull=False).update(",
        new="started = rows.filter(epoch=epoch, lease_until__isnull=False).update(",
        killed_by=f"{LEASE}::test_each_slice_starts_once",
    ),
    Mutant(
        name="call_outlives_the_lease",
        breaks="rule 10",
        module="sync.access.budget",
        old="self.lease.outlast(",
        new="self.lease.renew() or float(",
        killed_by=f"{LEASE}::test_a_call_starts_only_if_the_lease_outlives_it",
    ),
    Mutant(
        name="click_lost_at_the_end",
        breaks="L3",
        module="sync.walk.cycle",
        old="if SyncState.objects.filter(todo(), pk=lease.connection_id).exists():",
        new="if False:",
        killed_by=f"{LEASE}::test_a_click_during_the_last_page_is_not_lost",
    ),
    Mutant(
        name="lost_ring_stays_lost",
        breaks="L3",
        module="sync.walk.cycle",
        old='asked = Q(wanted__gt=F("served")) | _approved_or_asked()',
        new="asked = _approved_or_asked()",
        killed_by=f"{LEASE}::test_lost_ring_is_rung_again",
    ),
    Mutant(
        name="copy_talks",
        breaks="U18",
        module="sync.access.installation",
        old="return settings.is_paused or is_copy(connection)",
        new="return settings.is_paused",
        killed_by="tests/sync/test_installation.py::test_parked_means_no_call_at_all[installation]",
    ),
    Mutant(
        name="throttling_not_obeyed",
        breaks="S16",
        module="sync.access.budget",
        old="if blocked_until and blocked_until > now:",
        new="if False:",
        killed_by="tests/sync/test_budget.py::test_after_a_429_nobody_calls",
    ),
    Mutant(
        name="slot_not_kept",
        breaks="S16",
        module="sync.access.budget",
        old="changes: dict[str, Any] = {column: tat}",
        new="changes: dict[str, Any] = {column: before}",
        killed_by="tests/sync/test_budget.py::test_eight_a_second_whoever_calls",
        raises="ValueError",
    ),
    Mutant(
        name="refresh_without_a_lock",
        breaks="S13",
        module="sync.access.token",
        old="            if self._take_turn(seen):\n",
        new="            if True:\n",
        killed_by=f"{TOKEN}::test_who_refreshes_already_is_waited_for",
    ),
    Mutant(
        name="older_login_stored",
        breaks="S13",
        module="sync.access.token",
        old="        mine = Token.objects.filter(pk=seen.pk, version=seen.version)\n        try:",
        new="        mine = Token.objects.filter(pk=seen.pk)\n        try:",
        killed_by=f"{TOKEN}::test_refused_because_somebody_else_refreshed",
        raises="QboError",
    ),
    Mutant(
        name="passing_trouble_ends_the_login",
        breaks="S13",
        module="sync.access.token",
        old="refused = error.action is Action.RECONNECT",
        new="refused = True",
        killed_by=f"{TOKEN}::test_passing_trouble_keeps_the_token[server_error]",
    ),
    Mutant(
        name="consent_of_another_session",
        breaks="S8",
        module="sync.people.connect",
        old="        session_hash=_hash(session),\n        user=user,\n        used_at=None,",
        new="        user=user,\n        used_at=None,",
        killed_by="tests/sync/test_connect.py::test_state_of_another_session",
    ),
)

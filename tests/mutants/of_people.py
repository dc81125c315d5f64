"""Wrong screens and wrong tables: admin/ and models/."""

from __future__ import annotations

from .mutant import AnyMutant, Mutant, TableMutant

GUARD = "tests/admin/test_guard.py"
PERMISSIONS = "tests/admin/test_permissions.py"

CLOSED = 'raise ImproperlyConfigured(f"{type(self).__name__} does not say who may see it.")'
ENCRYPTED = "_keys().encrypt(text.encode()).decode()"
SEALED = f"""\
    return {ENCRYPTED}


def unseal(sealed: str) -> str:
    \"""The text again, by any of the keys. Raises TokenUnreadable, never returns ciphertext.\"""\
"""

MUTANTS: tuple[AnyMutant, ...] = (
    Mutant(
        name="everybody_may",
        breaks="permissions",
        module="admin.base",
        old="return any(user.has_perm(RIGHTS[right]) for right in rights)",
        new="return True",
        killed_by=f"{PERMISSIONS}::test_the_admin_alone_opens_nothing[get]",
    ),
    Mutant(
        name="who_views_may_map",
        breaks="permissions",
        module="admin.views.acts",
        old='    permission_required = "map"\n',
        new='    permission_required = "view"\n',
        killed_by=f"{PERMISSIONS}::test_each_right_opens_what_it_should[view]",
    ),
    Mutant(
        name="links_act",
        breaks="permissions",
        module="admin.base",
        old=f"{CLOSED}\n",
        new=f"{CLOSED}\n"
        '        if not hasattr(self, "get"):\n            request.method = "POST"\n',
        killed_by=f"{PERMISSIONS}::test_acts_need_a_post",
    ),
    Mutant(
        name="open_by_default",
        breaks="permissions",
        module="admin.base",
        old="if self.permission_required is None and self.any_permission_required is None:",
        new="if False:",
        killed_by=f"{PERMISSIONS}::test_a_view_that_does_not_say_who_may_see_it_is_closed",
    ),
    Mutant(
        name="hidden_clients_are_named",
        breaks="permissions",
        module="host.reading",
        old='self.visible_to(user, chunk).values_list("pk", flat=True) for chunk in',
        new='chunk.values_list("pk", flat=True) for chunk in',
        killed_by="tests/admin/actions/test_bulk_map.py::test_to_nobody_whom_the_person_may_not_see",
    ),
    Mutant(
        name="formulas_are_calculated",
        breaks="safe downloads",
        module="admin.exports",
        old="""return f"'{text}" if MARKED.match(text) else text""",
        new="return text",
        killed_by="tests/admin/test_customers.py::test_no_cell_of_the_export_is_calculated[=]",
    ),
    Mutant(
        name="guard_off",
        breaks="S1",
        module="admin.guard",
        old="        if self._is_guarded:\n            self._judge_all()\n",
        new="",
        killed_by=f"{GUARD}::test_changed_on_both_sides_is_an_error_and_nothing_is_saved",
    ),
    Mutant(
        name="guard_looks_once",
        breaks="S2",
        module="admin.guard",
        old="            self._judge_again()\n",
        new="",
        killed_by=f"{GUARD}::test_the_moment_between_the_check_and_the_save",
    ),
    Mutant(
        name="tokens_unsealed",
        breaks="S14",
        module="models.seal",
        old=f"{SEALED}\n    try:\n",
        new=f"{SEALED.replace(ENCRYPTED, 'text')}\n"
        '    if sealed.startswith("{"):\n        return sealed\n    try:\n',
        killed_by="tests/sync/test_token.py::test_tokens_are_nowhere_to_be_read",
    ),
    Mutant(
        name="login_on_a_page",
        breaks="S14",
        module="admin.views.clients",
        old="        return self.connection.company_name\n",
        new="        return self.connection.token.open()[0]\n",
        killed_by="tests/admin/test_secrets_on_pages.py::test_nothing_that_is_answered_holds_a_secret",
    ),
    Mutant(
        name="code_stays_in_the_request",
        breaks="S14",
        module="admin.views.connections",
        old="    request.GET = QueryDict()\n",
        new="",
        killed_by="tests/admin/test_oauth_views.py::test_a_crash_shows_no_token[crashes0-False]",
    ),
    TableMutant(
        name="customer_mapped_twice",
        breaks="S3",
        table="wagtail_qbo_sync_mapping",
        old='CONSTRAINT "wqs_mapping_customer" UNIQUE ("connection_id", "qbo_id")',
        new='CONSTRAINT "wqs_mapping_customer" CHECK (1)',
        killed_by="tests/sync/test_apply.py"
        "::test_only_the_step_of_a_mapping_made_meanwhile_is_held",
    ),
    TableMutant(
        name="client_mapped_twice",
        breaks="S3",
        table="wagtail_qbo_sync_mapping",
        old='CONSTRAINT "wqs_mapping_client" UNIQUE ("connection_id", "client_id")',
        new='CONSTRAINT "wqs_mapping_client" CHECK (1)',
        killed_by="tests/sync/test_apply.py"
        "::test_only_the_step_of_a_client_mapped_meanwhile_is_held",
    ),
    TableMutant(
        name="notice_counted_twice",
        breaks="L3",
        table="wagtail_qbo_sync_webhookevent",
        old='"body_hash" varchar(64) NOT NULL UNIQUE',
        new='"body_hash" varchar(64) NOT NULL',
        killed_by="tests/test_webhooks.py::test_the_same_body_again_is_no_news",
    ),
)

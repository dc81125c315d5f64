"""A form that was opened before a sync does not undo it."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
from crm.models import Client, ContactType
from django import forms
from django.core import signing
from django.core.exceptions import BadRequest

from tests import factories
from wagtail_qbo_sync.admin.guard import FIELD, QboFormMixin, Verdict, guarded, judge
from wagtail_qbo_sync.host.adapter import get_adapter

TAKE, KEEP, ASK = Verdict

pytestmark = pytest.mark.django_db


# Judging --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rendered", "submitted", "present"), [*product("abc", repeat=3)])
def test_every_way_three_values_can_differ(rendered: str, submitted: str, present: str) -> None:
    typed, moved = submitted != rendered, present != rendered
    expected = TAKE
    if moved and not typed:
        expected = KEEP
    if moved and typed and submitted != present:
        expected = ASK
    assert judge({"f": rendered}, {"f": submitted}, {"f": present}) is expected


@pytest.mark.parametrize(("submitted", "present"), [*product("ab", repeat=2)])
def test_where_nobody_knows_what_was_shown_all_that_differs_is_asked(
    submitted: str, present: str
) -> None:
    expected = TAKE if submitted == present else ASK
    assert judge(None, {"f": submitted}, {"f": present}) is expected


def test_an_address_is_one_value() -> None:
    rendered = {"city": "Salem", "zip": "97301"}
    assert judge(rendered, rendered | {"city": "Bend"}, rendered | {"zip": "97302"}) is ASK
    assert judge(rendered, rendered, rendered | {"zip": "97302"}) is KEEP
    assert judge(rendered, rendered | {"city": "Bend"}, rendered) is TAKE


@pytest.mark.parametrize("came_back", ["1 Main St\r\nSuite 2", " 1 Main St\nSuite 2 "])
def test_what_a_browser_changes_is_no_edit(came_back: str) -> None:
    assert judge({"f": "1 Main St\nSuite 2"}, {"f": came_back}, {"f": "2 Elm St"}) is KEEP


def test_another_capital_is_an_edit() -> None:
    assert judge({"f": "anna berg"}, {"f": "Anna Berg"}, {"f": "anna holm"}) is ASK


# In a form ------------------------------------------------------------------------------------


class ClientForm(QboFormMixin, forms.ModelForm):
    class Meta:
        model = Client
        fields = ("name", "email", "phone", "address", "city", "contact_type")


@pytest.fixture
def client_row() -> Client:
    return Client.objects.create(
        name="Anna Berg", email="anna@berg.example", phone="555-0101", address="1 Main St"
    )


class Editor:
    """Somebody who has opened the form, and types into it."""

    def __init__(self, row: Client, form_class: Any = ClientForm, user: Any = None) -> None:
        self.row, self.form_class, self.user = row, form_class, user
        self.data = self.shown(self.form(Client.objects.get(pk=row.pk)))

    def form(self, row: Client, data: Any = None) -> Any:
        form_class = type("Form", (self.form_class,), {"for_user": self.user})
        return form_class(data, instance=row)

    def shown(self, form: Any) -> dict[str, str]:
        """What a browser would send back."""
        return {bound.name: str(bound.value() or "") for bound in form}

    def types(self, **values: str) -> None:
        self.data |= values

    def saves(self) -> dict[str, list[str]]:
        """The errors; what is shown then is what is sent the next time."""
        form = self.form(Client.objects.get(pk=self.row.pk), self.data)
        if form.is_valid():
            form.save()
        self.data = self.shown(form)
        return dict(form.errors)


def pulled(row: Client, **values: str) -> None:
    Client.objects.filter(pk=row.pk).update(**values)


def test_what_was_left_alone_stays_as_it_is_by_now(client_row: Client) -> None:
    editor = Editor(client_row)
    pulled(client_row, phone="555-0199", city="Salem")
    editor.types(email="new@berg.example")
    assert editor.saves() == {}
    client_row.refresh_from_db()
    assert client_row.phone == "555-0199"
    assert client_row.city == "Salem"
    assert client_row.email == "new@berg.example"


def test_a_field_that_no_form_shows_stays_too(client_row: Client) -> None:
    """The whole row is saved, from an instance that was loaded before the pull."""
    editor = Editor(client_row)
    form = editor.form(Client.objects.get(pk=client_row.pk), editor.data)
    assert form.is_valid()
    pulled(client_row, mobile="555-0777")
    form.save()
    client_row.refresh_from_db()
    assert client_row.mobile == "555-0777"


def test_changed_on_both_sides_is_an_error_and_nothing_is_saved(client_row: Client) -> None:
    editor = Editor(client_row)
    pulled(client_row, phone="555-0199")
    editor.types(phone="555-0102", email="new@berg.example")
    errors = editor.saves()
    assert list(errors) == ["phone"]
    assert "“555-0199”" in errors["phone"][0]
    assert editor.data["phone"] == "555-0102"
    client_row.refresh_from_db()
    assert (client_row.phone, client_row.email) == ("555-0199", "anna@berg.example")


def test_saving_again_takes_what_was_typed(client_row: Client) -> None:
    editor = Editor(client_row)
    pulled(client_row, phone="555-0199", city="Salem")
    editor.types(phone="555-0102")
    editor.saves()
    assert editor.saves() == {}
    client_row.refresh_from_db()
    assert (client_row.phone, client_row.city) == ("555-0102", "Salem")


def test_another_pull_after_the_error_is_asked_about_again(client_row: Client) -> None:
    editor = Editor(client_row)
    pulled(client_row, phone="555-0199")
    editor.types(phone="555-0102")
    editor.saves()
    pulled(client_row, phone="555-0200")
    assert "“555-0200”" in editor.saves()["phone"][0]


def test_an_error_elsewhere_does_not_make_an_edit_look_left_alone(client_row: Client) -> None:
    editor = Editor(client_row)
    editor.types(phone="555-0102", email="no address")
    assert list(editor.saves()) == ["email"]
    editor.types(email="new@berg.example")
    assert editor.saves() == {}
    client_row.refresh_from_db()
    assert client_row.phone == "555-0102"


def test_both_typed_the_same(client_row: Client) -> None:
    editor = Editor(client_row)
    pulled(client_row, phone="555-0199")
    editor.types(phone="555-0199")
    assert editor.saves() == {}


def test_what_was_emptied_is_said_in_words(client_row: Client) -> None:
    editor = Editor(client_row)
    pulled(client_row, phone="")
    editor.types(phone="555-0102")
    assert editor.saves()["phone"][0].startswith("This was emptied")


def test_an_address_conflicts_as_a_whole(client_row: Client) -> None:
    editor = Editor(client_row)
    pulled(client_row, address="2 Elm St")
    editor.types(city="Bend")
    errors = editor.saves()
    assert set(errors) == {"address", "city"}
    assert "“2 Elm St”" in errors["address"][0]
    assert editor.saves() == {}
    client_row.refresh_from_db()
    assert (client_row.address, client_row.city) == ("1 Main St", "Bend")


def test_the_moment_between_the_check_and_the_save(client_row: Client) -> None:
    editor = Editor(client_row)
    editor.types(phone="555-0102")
    form = editor.form(Client.objects.get(pk=client_row.pk), editor.data)
    assert form.is_valid()
    pulled(client_row, email="pulled@berg.example")
    form.save()
    client_row.refresh_from_db()
    assert (client_row.phone, client_row.email) == ("555-0102", "pulled@berg.example")

    editor = Editor(client_row)
    editor.types(phone="555-0103")
    form = editor.form(Client.objects.get(pk=client_row.pk), editor.data)
    assert form.is_valid()
    pulled(client_row, phone="555-0199")
    with pytest.raises(BadRequest):
        form.save()
    client_row.refresh_from_db()
    assert client_row.phone == "555-0199"


@pytest.mark.parametrize("mangle", [lambda token: token[:-2] + "xx", lambda token: "nonsense"])
def test_values_that_cannot_be_verified_lose_nothing(client_row: Client, mangle: Any) -> None:
    editor = Editor(client_row)
    pulled(client_row, phone="555-0199")
    editor.types(email="new@berg.example", **{FIELD: mangle(editor.data[FIELD])})
    errors = editor.saves()
    assert set(errors) == {"phone", "email", "__all__"}
    assert editor.data["email"] == "new@berg.example"
    editor.types(phone="555-0199")
    assert editor.saves() == {}
    client_row.refresh_from_db()
    assert (client_row.phone, client_row.email) == ("555-0199", "new@berg.example")


def test_values_that_cannot_be_verified_are_no_trouble_where_nothing_differs(
    client_row: Client,
) -> None:
    editor = Editor(client_row)
    editor.types(**{FIELD: "nonsense"})
    assert editor.saves() == {}


def test_the_values_are_for_one_person_one_client_and_one_field_map(
    client_row: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, other = factories.user(), factories.user()
    token = Editor(client_row, user=user).data[FIELD]
    elsewhere = Client.objects.create(name="Mia Lund")
    strangers = [Editor(client_row, user=other), Editor(elsewhere, user=user)]
    for stranger in strangers:
        stranger.types(**{FIELD: token, "name": "Mia Holm"})
        assert "__all__" in stranger.saves()
    editor = Editor(client_row, user=user)
    monkeypatch.setattr(get_adapter(), "version", "another")
    editor.types(name="Mia Holm")
    assert "__all__" in editor.saves()


def test_a_form_without_the_field_is_saved_as_ever(client_row: Client) -> None:
    editor = Editor(client_row)
    del editor.data[FIELD]
    pulled(client_row, phone="555-0199", mobile="555-0777")
    editor.types(email="new@berg.example")
    assert editor.saves() == {}
    client_row.refresh_from_db()
    assert (client_row.phone, client_row.mobile) == ("555-0101", "555-0777")


def test_a_new_client_has_nothing_to_guard() -> None:
    form = ClientForm()
    assert form[FIELD].value() == ""
    kind = Client(name="x").contact_type_id
    data = {"name": "Anna Berg", "contact_type": str(kind), FIELD: ""}
    made = ClientForm(data)
    assert made.is_valid(), made.errors
    assert made.save().name == "Anna Berg"


def test_a_client_that_was_deleted_meanwhile(client_row: Client) -> None:
    editor = Editor(client_row)
    form = editor.form(Client.objects.get(pk=client_row.pk), editor.data)
    assert form.is_valid()
    Client.objects.all().delete()
    form.save()
    assert Client.objects.get().name == "Anna Berg"  # as any ModelForm does


def test_nothing_but_synced_fields_of_the_form_is_carried(client_row: Client) -> None:
    class NameForm(QboFormMixin, forms.ModelForm):
        class Meta:
            model = Client
            fields = ("name", "contact_type")

    form = NameForm(instance=client_row)
    assert signing.loads(form[FIELD].value(), salt=form._salt()) == [{"name": "Anna Berg"}, []]


def test_a_form_of_another_model_is_left_alone() -> None:
    class TypeForm(QboFormMixin, forms.ModelForm):
        class Meta:
            model = ContactType
            fields = ("name",)

    form = TypeForm({"name": "Landlord"})
    assert FIELD not in form.fields
    assert form.is_valid()
    form.save()


def test_the_guard_is_not_put_on_twice() -> None:
    assert guarded(ClientForm) is ClientForm


def test_saving_asks_the_database_once_more(
    client_row: Client, django_assert_num_queries: Any
) -> None:
    editor = Editor(client_row)
    form = editor.form(Client.objects.get(pk=client_row.pk), editor.data)
    form.is_valid()
    with django_assert_num_queries(7):  # savepoint, lock, update, the hint in its own, savepoint
        form.save()


def test_a_custom_form_that_changes_values(client_row: Client) -> None:
    """What a host's clean_... makes of a value that was left alone is no edit."""

    class Shouting(ClientForm):
        def clean_name(self) -> str:
            return str(self.cleaned_data["name"]).upper()

    editor = Editor(client_row, Shouting)
    pulled(client_row, name="Anna Holm")
    assert editor.saves() == {}
    client_row.refresh_from_db()
    assert client_row.name == "Anna Holm"


def test_the_hidden_field_does_not_count_as_an_edit(client_row: Client) -> None:
    editor = Editor(client_row)
    form = editor.form(client_row, editor.data)
    assert form.is_valid()
    assert FIELD not in form.changed_data
    assert re.search(f'type="hidden" name="{FIELD}"', str(form[FIELD]))

"""A form that was opened before a sync must not undo it.

A form shows what a client held when the page was opened, and saves all of it. So it carries
these values, signed, and when it comes back each synced field is judged:

* the person left it alone: the client keeps what it holds by now;
* it was changed on both sides, maybe in a draft: an error names what the client holds, before
  anything is saved. Saving again takes what the person typed;
* else what was typed is saved, as ever.

An address is one value, as it is for the sync. Imported by hosts' models.py, so that nothing
here needs the app registry when it is imported.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from django import forms
from django.core import signing
from django.core.exceptions import BadRequest
from django.db import models, transaction
from django.utils.translation import gettext as _

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.host.drafts import as_edited, as_it_stands, has_draft

FIELD = "qbo_rendered"
"""Name of the hidden field that carries the values."""

Texts = Mapping[str, str]
"""Name of a form field -> text."""


class Verdict(Enum):
    """What becomes of a value that a form submits."""

    TAKE = auto()
    KEEP = auto()
    ASK = auto()


def judge(rendered: Texts | None, submitted: Texts, present: Texts) -> Verdict:
    """What to do with one value, by what stood in the form, what came back, what stands now.

    All have the same keys: one, or the parts of an address. `rendered` is None where nobody
    can say what stood in the form: then all that differs is asked about.
    """
    if _same(submitted, present):
        return Verdict.TAKE
    if rendered is None:
        return Verdict.ASK
    if _same(present, rendered):
        return Verdict.TAKE
    return Verdict.KEEP if _same(submitted, rendered) else Verdict.ASK


def _same(one: Texts, other: Texts) -> bool:
    return all(_plain(one[name]) == _plain(other[name]) for name in one)


def _plain(text: str) -> str:
    """Without what a browser or a form field changes on its way: line ends and outer blanks."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()


class RenderedField(forms.CharField):
    """Carries the values through the browser. Nobody edits it, so it has never changed."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Shown again after an error is what the form says, not what was posted."""
        return initial

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


if TYPE_CHECKING:
    from wagtail.admin.forms import WagtailAdminModelForm as Form
else:
    Form = object


class QboFormMixin(Form):
    """For a ModelForm of the client model: what a sync wrote is not undone by an old form.

        class ClientForm(QboFormMixin, WagtailAdminModelForm):
            ...

    It guards the plain fields of the client's own row that the adapter maps. A form that comes
    back without the hidden field is not guarded.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_of_client = issubclass(self._meta.model, get_adapter().model)
        if not self._is_of_client:
            return
        self._values = _by_value(self.fields)
        self._is_new = _is_new(self.instance)
        names = _mapped(get_adapter().field_names)
        row, self._standing = self._stands()
        self._loaded = _texts(self._standing, names)
        self._in_row = _texts(row, names)
        self._submitted: dict[str, str] = {}
        self._posted = self.data.get(self.add_prefix(FIELD), "") if self.is_bound else ""
        self._rendered, self._typed = self._verified()
        self.fields[FIELD] = RenderedField()
        self.initial[FIELD] = self._posted if self.is_bound else self._as_loaded()

    # Judging ------------------------------------------------------------------------------

    def _post_clean(self) -> None:
        """Before the model's own validation, which then sees what would be saved."""
        if self._is_guarded:
            self._judge_all()
        super()._post_clean()

    def _judge_all(self) -> None:
        asked: list[str] = []
        for names in self._values.values():
            if not all(name in self.cleaned_data for name in names):
                continue  # wrong in another way; nothing is saved
            self._submitted |= {name: self._came_back(name) for name in names}
            verdict = self._verdict(names, self._loaded)
            if verdict is Verdict.KEEP:
                self.cleaned_data |= {name: getattr(self._standing, name) for name in names}
            elif verdict is Verdict.ASK:
                asked += names
        if asked:
            self._ask(asked)

    def _verdict(self, names: Collection[str], present: Texts) -> Verdict:
        known = all(name in self._rendered for name in names)
        verdict = judge(
            {name: self._rendered[name] for name in names} if known else None,
            {name: self._submitted[name] for name in names},
            {name: present[name] for name in names},
        )
        was_typed = not self._typed.isdisjoint(names)
        return Verdict.ASK if verdict is Verdict.KEEP and was_typed else verdict

    def _ask(self, names: list[str]) -> None:
        """Name what stands now; saving again is an answer, since that has been seen then."""
        for name in names:
            if _plain(self._submitted[name]) != _plain(self._loaded[name]):
                self.add_error(name, _conflict(self._loaded[name]))
        if not self._rendered:
            said = _("What this form showed when it was opened cannot be verified any more.")
            self.add_error(None, said)
        self._rendered |= {name: self._loaded[name] for name in names}
        self._typed -= set(names)
        self.initial[FIELD] = self._signed(self._rendered, self._typed)

    def _came_back(self, name: str) -> str:
        """A submitted value as text; as it was rendered, if the field sees no difference."""
        rendered, data = self._rendered.get(name), self[name].data
        if rendered is not None and not self.fields[name].has_changed(rendered, data):
            return rendered
        return _text(self.cleaned_data[name])

    # Saving -------------------------------------------------------------------------------

    def save(self, commit: bool = True) -> Any:
        """Raises BadRequest where the client was changed in the moment since it was judged."""
        if not self._is_of_client or self._is_new:
            return super().save(commit)
        with transaction.atomic(using=get_adapter().database):
            self._judge_again()
            return super().save(commit)

    def _judge_again(self) -> None:
        """Under the lock of the client's row: all of it is saved, also what no form shows."""
        locked = get_adapter().lock([str(self.instance.pk)])
        if not locked:
            return
        now = as_edited(locked[str(self.instance.pk)])
        present = _texts(now, self._loaded)
        if present == self._loaded:
            return
        keep = self._loaded.keys() - set(self._guarded_names)
        for names in self._values.values() if self._is_guarded else ():
            verdict = self._verdict(names, present)
            if verdict is Verdict.ASK:
                raise BadRequest("The client was changed while the form was being saved.")
            if verdict is Verdict.KEEP:
                keep |= set(names)
        for name in keep:
            setattr(self.instance, name, getattr(now, name))

    def get_field_updates_for_resave(self) -> list[tuple[str, str]]:
        """After an autosave the page stays open: it shows what was submitted."""
        updates: list[tuple[str, str]] = super().get_field_updates_for_resave()
        if self._is_of_client:
            shown = {name: _text(self.cleaned_data[name]) for name in self._guarded_names}
            typed = {n for n, text in self._submitted.items() if text != self._rendered.get(n)}
            signed = self._signed(shown | self._submitted, self._typed | typed)
            updates.append((self.add_prefix(FIELD), signed))
        return updates

    @property
    def is_behind(self) -> bool:
        """Whether the client holds other values by now than those that the form shows."""
        return self._is_guarded and any(
            self._rendered.get(name) != self._loaded[name] for name in self._guarded_names
        )

    # The values on their way --------------------------------------------------------------

    @property
    def _guarded_names(self) -> list[str]:
        return [name for names in self._values.values() for name in names]

    @property
    def _is_guarded(self) -> bool:
        """Whether the form carried values; that of a new client has none."""
        return self._is_of_client and bool(self._posted) and not self._is_new

    def _stands(self) -> tuple[Any, Any]:
        """The client's row, and its latest draft: not what an old revision shows again."""
        return (self.instance, self.instance) if self._is_new else as_it_stands(self.instance)

    def _as_loaded(self) -> str:
        """What a form that is opened now carries.

        An old revision that is shown again counts as typed over what stands; what a draft says
        otherwise than the row was typed before.
        """
        if self._is_new:
            return ""
        texts = {name: self._loaded[name] for name in self._guarded_names}
        return self._signed(texts, {n for n, text in texts.items() if text != self._in_row[n]})

    def _verified(self) -> tuple[dict[str, str], set[str]]:
        """What stood when the form was opened, and which of it was typed and not published.

        Both are empty if that cannot be verified.
        """
        try:
            texts, typed = signing.loads(self._posted, salt=self._salt())
        except signing.BadSignature:
            return {}, set()
        return texts, set(typed)

    def _signed(self, texts: Texts, typed: Collection[str]) -> str:
        return signing.dumps([dict(texts), sorted(typed)], salt=self._salt(), compress=True)

    def _salt(self) -> str:
        """For one person, one client and one field map."""
        user = getattr(self, "for_user", None)
        who = user.pk if user else ""
        return f"wagtail_qbo_sync.guard:{who}:{self.instance.pk}:{get_adapter().version}"


def guarded(form_class: Any) -> Any:
    """The class of a ModelForm, with the guard if it has none."""
    if issubclass(form_class, QboFormMixin):
        return form_class
    return type(form_class)(form_class.__name__, (QboFormMixin, form_class), {})


def _mapped(names: Iterable[str]) -> list[str]:
    """Those that the adapter maps."""
    return [name for name in names if get_adapter().path_of(name)]


def _by_value(names: Iterable[str]) -> dict[str, list[str]]:
    """Contact field -> those of `names` that hold it: an address has several."""
    found: dict[str, list[str]] = {}
    for name in _mapped(names):
        field = get_adapter().path_of(name).partition(".")[0]
        found.setdefault(field, []).append(name)
    return found


def _texts(client: models.Model, names: Collection[str]) -> dict[str, str]:
    return {name: _text(getattr(client, name)) for name in names}


def _is_new(client: models.Model) -> bool:
    """A new client may have a key already (a UUID); a draft is made from its stored content."""
    return client.pk is None or (client._state.adding and not has_draft(client))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _conflict(now: str) -> str:
    if not now:
        return _("This was emptied after you opened the form. Save again to keep what you typed.")
    return _(
        "This was changed to “%(now)s” after you opened the form. "
        "Save again to keep what you typed."
    ) % {"now": now}

"""What people set for one company."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.contact import FIELDS, fields_of
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.people import decide, settings
from wagtail_qbo_sync.sync.records.client_status import count_unmapped_by_type

from .directions import DirectionsField

OnInactive = Connection.OnInactive
Unmatched = Connection.Unmatched


class ConnectionForm(forms.ModelForm):
    """K11, K12, U1, U2, U4, U8, U9 and C3. `save` raises Refused for a Contact Type that the site
    does not take."""

    new_contact_type = forms.CharField(
        label=_("Or make a new Contact Type"),
        max_length=255,
        required=False,
        help_text=_("It is made on the site and chosen here."),
    )
    release = forms.BooleanField(required=False)
    seen = forms.JSONField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    """What the form showed when it was opened: what it leaves as it was is not written, where
    somebody else, or a command, has set it since."""

    class Meta:
        model = Connection
        fields = settings.SET
        labels = {
            "contact_type": _("Contact Type"),
            "pushed_types": _("Contact Types"),
            "unmatched": _("A customer that matches no client"),
            "hierarchy": _("Who takes part"),
            "direction": _("Which way changes travel"),
            "field_directions": _("Single fields"),
            "on_conflict": _("A field that was changed on both sides"),
            "inactive_policy": _("The client of a customer that becomes inactive"),
            "visit_minutes": _("Minutes until a visit asks for a sync"),
            "poll_minutes": _("Minutes until a sync is asked for by itself"),
        }
        help_texts = {
            "contact_type": _(
                "Clients that are made from QuickBooks customers get this type. "
                "A client that is there already keeps its own."
            ),
            "pushed_types": _(
                "A client of one of these types that is made or changed from now on is matched to "
                "a customer, or created in QuickBooks where there is none. Clients that nobody "
                "changes are not sent. What is mapped is kept equal whatever its type."
            ),
            "unmatched": _(
                "A customer that resembles a client, by name or by e-mail alone, always waits "
                "for a person."
            ),
            "hierarchy": _(
                "Projects never take part. Mappings that are there already stay as they are."
            ),
            "direction": _(
                "On the side that is not written, a different value stays as it is until the "
                "other side changes that field."
            ),
            "field_directions": _(
                "A field that is to do otherwise than the company. An address is one field."
            ),
            "on_conflict": _("Only a field with different new values on both sides counts."),
            "inactive_policy": _(
                "Its mapping sleeps: neither side is written until the customer is active again. "
                "A change of this to archiving also concerns those that sleep already."
            ),
            "visit_minutes": _(
                "Whoever opens the client list, a client or one of the QuickBooks screens asks "
                "for a sync if the last one is older than this. 0: a visit never asks."
            ),
            "poll_minutes": _(
                "Where nobody looks, changes in QuickBooks are read this long after the last "
                "sync. 0: never; then only webhooks, visits and people ask."
            ),
        }
        widgets = {
            "contact_type": forms.Select,
            "unmatched": forms.RadioSelect,
            "hierarchy": forms.RadioSelect,
            "direction": forms.RadioSelect,
            "on_conflict": forms.RadioSelect,
        }

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.adapter = get_adapter()
        self.held = fields_of(self.adapter.paths)
        self._offer_contact_types()
        self._offer_pushed_types()
        self._offer_field_directions()
        self._offer_inactive_policies()
        self._offer_release()
        own = [name for name in settings.SET if name in self.fields]
        self.before = {name: getattr(self.instance, name) for name in own}
        self.shown = self.initial["seen"] = {name: self.initial[name] for name in own}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("release") and cleaned.get("unmatched") == Unmatched.EXCLUDE:
            self.add_error("release", _("They would be excluded again: choose another policy."))
        return cleaned

    def clean_field_directions(self) -> dict[str, str]:
        """What was said of fields that the site does not hold at present is kept."""
        chosen: dict[str, str] = self.cleaned_data["field_directions"]
        said = self.instance.field_directions
        return {name: said[name] for name in said if name not in self.held} | chosen

    @transaction.atomic
    def save(self, commit: bool = True) -> Connection:
        """Store only what was changed here: others write to the same row."""
        chosen = {
            name: getattr(self.instance, name)
            for name, was in self._opened().items()
            if not self._alike(getattr(self.instance, name), was)
        }
        if label := self.cleaned_data.get("new_contact_type", "").strip():
            chosen["contact_type"] = self.adapter.add_contact_type(label)
        settings.change(self.instance, self.user, **chosen)
        if self.cleaned_data.get("release"):
            decide.release_excluded_by_policy(self.instance, self.user)
        connection: Connection = self.instance
        return connection

    @property
    def no_new_types(self) -> bool:
        """Whether to say that Contact Types are made elsewhere (K11)."""
        return "contact_type" in self.fields and "new_contact_type" not in self.fields

    def _opened(self) -> dict[str, Any]:
        """What each setting was: as it was shown, where it would be shown otherwise by now; else
        as it is stored, which may be nothing that can be shown: a type that is gone."""
        seen = self.cleaned_data.get("seen")
        seen = self.shown | (seen if isinstance(seen, dict) else {})
        return {
            name: self.before[name] if self._alike(seen[name], shown) else seen[name]
            for name, shown in self.shown.items()
        }

    def _alike(self, one: Any, other: Any) -> bool:
        """Whether the form shows them as the same: types in any order, and no directions of
        fields that the site does not hold."""
        return bool(self._as_shown(one) == self._as_shown(other))

    def _as_shown(self, value: Any) -> Any:
        if isinstance(value, list):
            return sorted(map(str, value))
        if isinstance(value, dict):
            return {name: one for name, one in value.items() if name in self.held}
        return value

    def _offer_contact_types(self) -> None:
        """The site's types, "Client" chosen where nothing was; none: nothing to choose."""
        choices = self.adapter.contact_type_choices()
        if not self.adapter.can_add_contact_type(self.user):
            del self.fields["new_contact_type"]
            if not choices:
                del self.fields["contact_type"]
                return
        default = self.adapter.default_contact_type()
        if not default:
            choices = [("", gettext("None")), *choices]
        chosen = self.instance.contact_type
        labels = self._with_texts(choices, filter(None, [chosen]))
        self.initial["contact_type"] = chosen if chosen in labels else default
        self.fields["contact_type"] = forms.ChoiceField(
            label=self.fields["contact_type"].label,
            help_text=self.fields["contact_type"].help_text,
            choices=list(labels.items()),
            required=False,
        )

    def _offer_pushed_types(self) -> None:
        """K12: each type with the number of clients that a change of theirs would send."""
        labels = self._with_texts(self.adapter.contact_type_choices(), self.instance.pushed_types)
        if not labels:
            del self.fields["pushed_types"]
            return
        unmapped = count_unmapped_by_type(self.instance)
        shown = self.fields["pushed_types"]
        self.initial["pushed_types"] = [key for key in self.instance.pushed_types if key in labels]
        self.fields["pushed_types"] = forms.MultipleChoiceField(
            label=shown.label,
            help_text=shown.help_text,
            choices=[(key, _counted(label, unmapped.get(key, 0))) for key, label in labels.items()],
            widget=forms.CheckboxSelectMultiple,
            required=False,
        )

    def _with_texts(
        self, choices: Iterable[tuple[str, str]], chosen: Iterable[str]
    ) -> dict[str, str]:
        """Key -> label, with what was chosen before: a text that no client has at present."""
        labels, before = dict(choices), set(chosen)
        texts = sorted(before - labels.keys() - self.adapter.contact_types.unknown(before))
        return labels | dict(zip(texts, texts, strict=True))

    def _offer_field_directions(self) -> None:
        shown = self.fields["field_directions"]
        self.fields["field_directions"] = DirectionsField(
            [name for name in FIELDS if name in self.held],
            label=shown.label,
            help_text=shown.help_text,
        )

    def _offer_inactive_policies(self) -> None:
        """Archiving only where the site can (U8)."""
        shown = self.fields["inactive_policy"]
        offered = set(OnInactive) - (set() if self.adapter.can_archive else {OnInactive.ARCHIVE})
        choices = [choice for choice in OnInactive.choices if choice[0] in offered]
        self.fields["inactive_policy"] = forms.ChoiceField(
            label=shown.label,
            help_text=shown.help_text,
            choices=choices,
            widget=forms.RadioSelect,
        )

    def _offer_release(self) -> None:
        """Leaving "exclude" offers to let go of those whom that policy excluded (U1)."""
        excluded = decide.excluded_by_policy(self.instance)
        if not excluded:
            del self.fields["release"]
            return
        self.fields["release"].label = ngettext(
            "Let the %(count)s customer take part again that was excluded for matching no client",
            "Let the %(count)s customers take part again that were excluded for matching no client",
            excluded,
        ) % {"count": excluded}


def _counted(label: str, unmapped: int) -> str:
    words = ngettext("%(type)s (%(count)s not mapped)", "%(type)s (%(count)s not mapped)", unmapped)
    return words % {"type": label, "count": intcomma(unmapped)}

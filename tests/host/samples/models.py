"""Client models of many kinds, for the adapter's tests."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from modelcluster.fields import ParentalManyToManyField
from modelcluster.models import ClusterableModel
from wagtail.models import DraftStateMixin, RevisionMixin

from wagtail_qbo_sync.host.abstract import AbstractClient


class Plain(AbstractClient):
    """Made from AbstractClient alone."""

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        app_label = "samples"


class Kind(models.Model):
    code = models.CharField(max_length=4, unique=True)
    title = models.CharField(max_length=40)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return self.title


class Strict(models.Model):
    """Says No in every way a model can."""

    name = models.CharField(max_length=20)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=12, unique=True, null=True, blank=True)
    city = models.CharField(max_length=10)
    country = models.CharField(max_length=3, blank=True)
    partner = models.CharField(max_length=20, default="Paula")
    kind = models.ForeignKey(Kind, models.PROTECT, to_field="code", null=True, blank=True)
    kinds = models.ManyToManyField(Kind, blank=True, related_name="+")
    level = models.IntegerField(choices=[(1, "Lead"), (2, "Client")], default=1)
    slug = models.CharField(max_length=40, blank=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="strict_email", condition=~models.Q(email="")
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.name == "Crash":
            raise RuntimeError("the telephone exchange is down")
        self.slug = self.name.lower()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        if self.country == "XX":
            raise ValidationError({"country": "No such country."})
        if self.name == "Nobody":
            raise ValidationError("Nobody is no client.")
        if self.partner == "gone":
            raise ValidationError({"partner": "Paula has left."})


class Clustered(ClusterableModel):
    """Keeps its types with itself until it is saved."""

    name = models.CharField(max_length=80)
    kinds = ParentalManyToManyField(Kind, blank=True, related_name="+")

    def __str__(self) -> str:
        return self.name


class Drafted(DraftStateMixin, RevisionMixin, models.Model):
    """Edited in drafts."""

    name = models.CharField(max_length=80)
    phone = models.CharField(max_length=30, blank=True)
    notes = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name

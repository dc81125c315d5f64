"""The settings: defaults, problems, and that a change is noticed."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from wagtail_qbo_sync import conf


def test_every_key_has_a_default(settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {}  # which is told of; that it is gone is not
    del settings.WAGTAIL_QBO_SYNC
    assert conf.settings.ENVIRONMENT == "production"
    assert conf.settings.api_url == "https://quickbooks.api.intuit.com"
    assert conf.settings.discovery_url.startswith("https://developer.intuit.com/")
    assert conf.settings.ENCRYPTION_KEYS == ()
    assert conf.settings.LEASE_SECONDS == 150
    assert conf.settings.PAUSED is False and not conf.settings.is_paused


def test_a_change_is_noticed(settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {"ENVIRONMENT": "sandbox", "ENCRYPTION_KEYS": ["a", "b"]}
    assert conf.settings.api_url == "https://sandbox-quickbooks.api.intuit.com"
    assert conf.settings.ENCRYPTION_KEYS == ("a", "b")
    settings.WAGTAIL_QBO_SYNC = {"API_URL": "http://127.0.0.1:8010/"}
    assert conf.settings.api_url == "http://127.0.0.1:8010"


@pytest.mark.parametrize("value", ["1", "true", "Yes", " ON "])
def test_the_environment_may_pause(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("QBO_SYNC_PAUSED", value)
    settings.WAGTAIL_QBO_SYNC = {"PAUSED": False}
    assert conf.settings.is_paused
    monkeypatch.setenv("QBO_SYNC_PAUSED", "0")
    assert not conf.settings.is_paused
    settings.WAGTAIL_QBO_SYNC = {"PAUSED": True}
    assert conf.settings.is_paused


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "must be a dict, not list"),
        ({"API_ULR": ""}, "'API_ULR'] is not a setting. Known: ADAPTER,"),
        ({"API_URL": None}, "must be a text, not None"),
        ({"PAUSED": 1}, "must be True or False, not 1"),
        ({"LEASE_SECONDS": True}, "must be a whole number, not True"),
        ({"ENVIRONMENT": "test"}, "must be 'production' or 'sandbox', not 'test'"),
        ({"ENCRYPTION_KEYS": "key"}, "must be a list of texts, not 'key'"),
        ({"ENCRYPTION_KEYS": [1]}, "must be a list of texts"),
    ],
)
def test_problems_are_named(settings: Settings, raw: Any, said: str) -> None:
    (problem,) = conf.problems(raw)
    assert said in problem
    settings.WAGTAIL_QBO_SYNC = raw
    assert conf.settings.LEASE_SECONDS == 150  # what is wrong does not count
    assert conf.settings.ENVIRONMENT == "production"


def test_what_is_right_counts_beside_what_is_wrong(settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {"PAUSED": "no", "CLIENT_ID": "right"}
    assert (conf.settings.CLIENT_ID, conf.settings.PAUSED) == ("right", False)


def test_secrets_are_not_shown() -> None:
    secret = "very-secret"
    shown = repr(
        conf.Settings(
            CLIENT_SECRET=secret, WEBHOOK_VERIFIER_TOKEN=secret, ENCRYPTION_KEYS=(secret,)
        )
    )
    assert secret not in shown


@pytest.mark.parametrize("label", [None, "", "crm", "a.b.c", 7])
def test_the_client_model_must_be_named(settings: Settings, label: Any) -> None:
    settings.WAGTAIL_QBO_SYNC_CLIENT_MODEL = label
    with pytest.raises(ImproperlyConfigured, match=r"crm\.Client"):
        conf.client_model()


def test_the_client_model() -> None:
    assert conf.client_model() == "crm.Client"

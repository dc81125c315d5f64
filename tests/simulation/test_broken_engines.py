"""The machine's own test: what is broken on purpose, its invariants see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wagtail_qbo_sync.engine import merge as engine
from wagtail_qbo_sync.engine import plan
from wagtail_qbo_sync.qbo.api import CompanyApi

from .conftest import Worlds
from .machine import judge, rest
from .people import InQuickBooks, OnSite
from .world import World


def both_edit(world: World) -> None:
    """The phone of a pair changes on both sides; then a sync."""
    OnSite(world).edits(0, "phone")
    InQuickBooks(world).edits(world.companies[0], 0, "phone")
    world.cycle(world.companies[0])
    judge(world)


def test_a_world_in_which_nothing_is_broken(worlds: Worlds) -> None:
    with worlds() as world:
        both_edit(world)
        assert ("conflict", "1000") in world.companies[0].cases()
        rest(world)


def test_one_side_wins_although_people_were_to_be_asked(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.merge

    def merge(**given: Any) -> engine.Merge:
        return real(**given | {"on_conflict": engine.OnConflict.QBO_WINS})

    monkeypatch.setattr(plan, "merge", merge)
    with worlds() as world, pytest.raises(AssertionError, match="An update was lost"):
        both_edit(world)


def test_bases_of_the_wrong_side(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one side said at the last agreement is taken for what both said: no conflict is seen."""
    real = engine.merge

    def merge(**given: Any) -> engine.Merge:
        return real(**given | {"base_site": given["site"] if given["base_site"] else {}})

    monkeypatch.setattr(plan, "merge", merge)
    with worlds() as world, pytest.raises(AssertionError, match="An update was lost"):
        both_edit(world)


def test_a_sync_token_that_is_read_again_before_sending(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 8: between reading and sending somebody edits in QuickBooks."""
    real = CompanyApi.batch
    with worlds() as world:
        firm = world.companies[0]

        def batch(api: CompanyApi, body: str, request_id: str) -> Any:
            InQuickBooks(world).edits(firm, 0, "phone")
            document = json.loads(body)
            for item in document["BatchItemRequest"]:
                record = firm.books()[item["Customer"]["Id"]]
                item["Customer"]["SyncToken"] = record["SyncToken"]
            return real(api, json.dumps(document), request_id)

        monkeypatch.setattr(CompanyApi, "batch", batch)
        OnSite(world).edits(0, "phone")
        with pytest.raises(AssertionError, match=r"An update was lost|was read elsewhere"):
            world.cycle(firm)
            judge(world)


def test_what_is_not_mapped_is_written(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 7, and without the guard that the door has of its own."""
    monkeypatch.setattr("wagtail_qbo_sync.qbo.client.check_write", lambda _url, _body: None)
    real = CompanyApi.batch

    def batch(api: CompanyApi, body: str, request_id: str) -> Any:
        document = json.loads(body)
        for item in document["BatchItemRequest"]:
            item["Customer"]["Notes"] = ""
        return real(api, json.dumps(document), request_id)

    monkeypatch.setattr(CompanyApi, "batch", batch)
    with worlds() as world:
        OnSite(world).edits(0, "phone")
        with pytest.raises(AssertionError, match="About Anna"):
            world.cycle(world.companies[0])
            judge(world)

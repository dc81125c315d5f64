"""Our screens, under `qbo/` in the admin."""

from __future__ import annotations

from django.urls import include, path

from wagtail_qbo_sync.sync.people.deleted import LEAVE, REATTACH

from .views import (
    acts,
    bulk,
    client,
    client_acts,
    client_news,
    clients,
    company_questions,
    comparisons,
    conflicts,
    connections,
    duplicates,
    erase,
    map_client,
    map_customers,
    map_one,
    names,
    one,
    problem_acts,
    problems,
    runs,
    settings,
    sync_line,
    types_file,
    why,
)

app_name = "wagtail_qbo_sync"
urlpatterns = [
    path("connected-apps/", connections.ConnectedApps.as_view(), name="connections"),
    path("connected-apps/cards/", connections.Cards.as_view(), name="cards"),
    path("connect/", connections.Connect.as_view(), name="connect"),
    path("connect/<int:pk>/", connections.Connect.as_view(), name="reconnect"),
    path("callback/", connections.Callback.as_view(), name="callback"),
    path("sync/<int:pk>/", connections.SyncNow.as_view(), name="sync"),
    path("plan/<int:pk>/", connections.ShowPlan.as_view(), name="show_plan"),
    path("disconnect/<int:pk>/", connections.Disconnect.as_view(), name="disconnect"),
    path("live-site/", connections.LiveSite.as_view(), name="live_site"),
    path("copy/", connections.Copy.as_view(), name="copy"),
    path("settings/<int:pk>/", settings.ConnectionSettings.as_view(), name="settings"),
    path("problems/", include(problems.urlpatterns + problem_acts.urlpatterns)),
    path(
        "problems/<int:pk>/reattach/",
        company_questions.Deletions.as_view(do=REATTACH),
        name="deleted_reattach",
    ),
    path(
        "problems/<int:pk>/leave/",
        company_questions.Deletions.as_view(do=LEAVE),
        name="deleted_leave",
    ),
    path("problems/<int:pk>/go-on/", company_questions.GoOn.as_view(), name="reset_go_on"),
    path("conflicts/", include(conflicts.urlpatterns)),
    path("names/", include(names.urlpatterns)),
    path("sync-one/", include(one.urlpatterns)),
    path("why/", include(why.urlpatterns)),
    path("runs/", include(runs.urlpatterns)),
    path("comparisons/", include(comparisons.urlpatterns)),
    path("sync-line/", sync_line.SyncLineView.as_view(), name="sync_line"),
    path("contact-types/", include(types_file.urlpatterns)),
    path("bulk/", include(bulk.urlpatterns)),
    path("map/", include(map_customers.urlpatterns)),
    *duplicates.urlpatterns,
    path(
        "clients/",
        include(
            clients.urlpatterns
            + client.urlpatterns
            + map_client.urlpatterns
            + client_acts.urlpatterns
            + client_news.urlpatterns
        ),
    ),
    path("customers/", include(acts.urlpatterns + map_one.urlpatterns + erase.urlpatterns)),
]

from wagtail_qbo_sync.host.adapter import ClientAdapter


class PatronAdapter(ClientAdapter):
    fields = {"name": "name", "email": "email"}

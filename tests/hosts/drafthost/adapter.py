from wagtail_qbo_sync.host.adapter import ClientAdapter


class ContactAdapter(ClientAdapter):
    fields = {"name": "name", "email": "email", "phone": "phone"}

from wagtail_qbo_sync.host.adapter import ClientAdapter


class CustomerAdapter(ClientAdapter):
    bulk = True
    fields = {
        "name": "title",
        "email": "mail",
        "mailing_address.line1": "street",
        "mailing_address.city": "town",
    }

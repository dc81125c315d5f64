from tests.hosts.base_settings import host_settings

globals().update(host_settings("uuidhost", "Person", "PersonAdapter"))
WAGTAIL_QBO_SYNC = {**globals()["WAGTAIL_QBO_SYNC"], "PATCH_CLIENT_VIEWS": True}

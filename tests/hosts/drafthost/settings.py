from tests.hosts.base_settings import host_settings

globals().update(host_settings("drafthost", "Contact", "ContactAdapter"))

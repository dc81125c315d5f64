"""The door to the site: the host's client model, read and written through an adapter."""

"""The door to the site: the host's client model, read and written through an adapter.

Knows no QuickBooks. What a host's models.py imports of it imports at module level only contact,
conf and compat, so that it can be loaded before the apps are ready.
"""

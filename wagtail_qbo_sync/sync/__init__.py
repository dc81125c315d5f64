"""The only room with both doors open: it walks a cycle and keeps what it learns.

Its own rooms, from the walk down to what all of them need, are drawn in docs/architecture.md.
"""

"""Hints that something happened: clients' footprints, webhooks, visits."""

"""Customers come into the mirror: changes, everything, the nightly comparison."""

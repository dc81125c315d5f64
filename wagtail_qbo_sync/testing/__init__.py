"""Public helpers for the tests of a host site."""

from .adapter_contract import AdapterContract

__all__ = ["AdapterContract"]

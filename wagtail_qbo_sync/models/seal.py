"""Sealing secrets at rest, with keys that can be rotated (docs/explanation/security.md)."""

from __future__ import annotations

import base64
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from wagtail_qbo_sync.conf import settings

logger = logging.getLogger(__name__)


class TokenUnreadable(Exception):
    """No key at hand opens what is stored. With the right one it would."""


def seal(text: str) -> str:
    """`text` under the first key. Raises ImproperlyConfigured without keys outside DEBUG."""
    return _keys().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text again, by any of the keys. Raises TokenUnreadable, never returns ciphertext."""
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise TokenUnreadable("No key in ENCRYPTION_KEYS opens the stored token.") from None


def reseal(sealed: str) -> str:
    """The same text under the first key, keeping its time. Raises TokenUnreadable."""
    try:
        return _keys().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise TokenUnreadable("No key in ENCRYPTION_KEYS opens the stored token.") from None


def _keys() -> MultiFernet:
    keys = [key.encode() for key in settings.ENCRYPTION_KEYS]
    if not keys:
        keys = [_debug_key()]
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ImproperlyConfigured(
            "WAGTAIL_QBO_SYNC['ENCRYPTION_KEYS'] must hold Fernet keys "
            "(make one with `manage.py qbo_rotate_keys --new-key`)."
        ) from None


def _debug_key() -> bytes:
    """On a developer's machine a key from SECRET_KEY will do; elsewhere it must be set."""
    if not django_settings.DEBUG:
        raise ImproperlyConfigured(
            "Set WAGTAIL_QBO_SYNC['ENCRYPTION_KEYS']: tokens are not stored unsealed "
            "(make a key with `manage.py qbo_rotate_keys --new-key`)."
        )
    logger.warning("Tokens are sealed with a key made from SECRET_KEY: set ENCRYPTION_KEYS.")
    derived = HKDF(SHA256(), 32, salt=None, info=b"wagtail-qbo-sync").derive(
        django_settings.SECRET_KEY.encode()
    )
    return base64.urlsafe_b64encode(derived)

"""The public half of this server's key for Web Push, as browsers want it (RFC 8292)."""

import base64
from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from django.conf import settings


@lru_cache(maxsize=1)
def public_key() -> str:
    """Return the uncompressed point, base64url without padding."""
    key = serialization.load_pem_private_key(settings.VAPID_PRIVATE_KEY.encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

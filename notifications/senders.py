"""Send one message by one channel; a failure is an exception that says what to do.

ntfy, Telegram, Discord and e-mail go by apprise; a webhook is signed; a device gets Web Push.
https://github.com/caronc/apprise/wiki https://www.rfc-editor.org/rfc/rfc8030
"""

import hashlib
import hmac
import json
import logging
import socket
import threading
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import apprise
import httpx
from django.conf import settings
from py_vapid import Vapid
from pywebpush import WebPushException, webpush

from notifications import fence
from notifications.models import Channel

TIMEOUT = 8.0  # seconds, for each part of an answer
# What apprise calls the services that a kind of channel may name.
SCHEMES = {
    Channel.Kind.NTFY: ("ntfy", "ntfys"),
    Channel.Kind.TELEGRAM: ("tgram",),
    Channel.Kind.DISCORD: ("discord",),
    Channel.Kind.EMAIL: ("mailto", "mailtos"),
}
EXAMPLES = {
    Channel.Kind.NTFY: "ntfys://ntfy.sh/your-topic, or ntfy://your-server:8080/your-topic",
    Channel.Kind.TELEGRAM: "tgram://bot-token/chat-id",
    Channel.Kind.DISCORD: "discord://webhook-id/webhook-token",
    Channel.Kind.EMAIL: "mailtos://user:password@host:587?from=you@host&to=you@host",
    Channel.Kind.WEBHOOK: "https://your-server/path",
}
DEAD = (404, 410)  # a push service says so of a device that is gone


class BadAddress(Exception):
    """The address is none of this kind of channel; the text says what one looks like."""


class NotDelivered(Exception):
    """The message did not get through now; it may later."""


class Gone(Exception):
    """The device does not exist any more: the channel is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a person reads, where it leads, and what names it for a receiver."""

    title: str
    body: str
    url: str
    id: str
    payload: Mapping[str, Any]


def check(kind: str, secrets: Mapping[str, str]) -> None:
    """Raise BadAddress for what cannot be reached, or may not be, before it is stored."""
    if kind == Channel.Kind.PUSH:
        _check_push(secrets)
        return
    address = secrets["address"]
    if any(ord(c) < 32 for c in unquote(address)):
        raise BadAddress("An address has no line breaks or control characters, not even encoded.")
    if kind == Channel.Kind.WEBHOOK:
        try:
            parts = httpx.URL(address)
        except (httpx.InvalidURL, ValueError):
            parts = httpx.URL()
        in_range = parts.port is None or 0 < parts.port < 65_536
        if parts.scheme not in ("http", "https") or not parts.host or not in_range:
            raise BadAddress(f"A webhook is an address like {EXAMPLES[Channel.Kind.WEBHOOK]}.")
        _check_host(parts.host)
        return
    scheme = address.partition("://")[0].lower()
    plugin = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    if scheme not in SCHEMES[Channel.Kind(kind)] or plugin is None:
        raise BadAddress(f"Write it like {EXAMPLES[Channel.Kind(kind)]}.")
    if kind == Channel.Kind.NTFY and not urlsplit(address).path.strip("/"):
        raise BadAddress(f"Name the topic too: {EXAMPLES[Channel.Kind.NTFY]}.")
    if kind in (Channel.Kind.NTFY, Channel.Kind.EMAIL):
        # Mail goes where `smtp` says, whatever host stands in the address.
        for host in {plugin.host, getattr(plugin, "smtp_host", "")} - {"", None}:
            _check_host(host)


def _check_push(secrets: Mapping[str, str]) -> None:
    """Refuse what no browser gives: a point of P-256 and 16 bytes (RFC 8291)."""
    try:
        sizes = [len(urlsafe_b64decode(secrets[name] + "==")) for name in ("p256dh", "auth")]
        host = httpx.URL(secrets["endpoint"]).host
    except (httpx.InvalidURL, ValueError) as why:
        raise BadAddress("This is no subscription of a browser.") from why
    if sizes != [65, 16]:
        raise BadAddress("This is no subscription of a browser.")
    _check_host(host)


def _check_host(host: str) -> None:
    """Keep people from reaching this server's own network through it, unless it says they may."""
    if settings.NOTIFY_PRIVATE_ADDRESSES:
        return
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        raise BadAddress(f"There is no host {host[:80]!r}.") from None
    if any(fence.is_private(str(each)) for each in found):
        raise BadAddress(
            f"{host} lies in a private network. An administrator allows that with "
            "NOTIFY_PRIVATE_ADDRESSES=true."
        )


def send(kind: str, secrets: Mapping[str, str], message: Message) -> None:
    """Send a message. Raises NotDelivered, Gone, or BadAddress for what may not be reached."""
    try:
        check(kind, secrets)
        with nullcontext() if settings.NOTIFY_PRIVATE_ADDRESSES else fence.public_only():
            _send(kind, secrets, message)
    except (NotDelivered, Gone, BadAddress):
        raise
    except Exception as why:  # whatever a library makes of a strange address is this channel's own
        raise NotDelivered(f"{type(why).__name__}: it could not be sent") from why


def _send(kind: str, secrets: Mapping[str, str], message: Message) -> None:
    if kind == Channel.Kind.WEBHOOK:
        _webhook(secrets, message)
    elif kind == Channel.Kind.PUSH:
        _push(secrets, message)
    else:
        _by_apprise(secrets["address"], message)


def _webhook(secrets: Mapping[str, str], message: Message) -> None:
    """Post JSON with an HMAC over its bytes; the id is the same each time it is tried."""
    body = json.dumps(
        {
            "id": message.id,
            "title": message.title,
            "text": message.body,
            "url": message.url,
            "event": dict(message.payload),
        }
    ).encode()
    signed = hmac.new(secrets["secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-PolyMix-Signature": f"sha256={signed}",
        "X-PolyMix-Delivery": message.id,
    }
    try:
        # Its status says all: a body without end is not read.
        with httpx.stream(
            "POST", secrets["address"], content=body, headers=headers, timeout=TIMEOUT
        ) as answer:
            status, is_success = answer.status_code, answer.is_success
    except httpx.HTTPError as why:
        raise NotDelivered(f"{type(why).__name__}: no answer from the webhook") from why
    if not is_success:
        raise NotDelivered(f"the webhook answered {status}")


def _push(secrets: Mapping[str, str], message: Message) -> None:
    told = {"title": message.title, "body": message.body, "url": message.url, "tag": message.id}
    keys = {"p256dh": secrets["p256dh"], "auth": secrets["auth"]}
    try:
        webpush(
            subscription_info={"endpoint": secrets["endpoint"], "keys": keys},
            data=json.dumps(told),
            vapid_private_key=Vapid.from_pem(settings.VAPID_PRIVATE_KEY.encode()),
            vapid_claims={"sub": f"mailto:{settings.VAPID_CONTACT}"},
            ttl=1800,
            timeout=TIMEOUT,
        )
    except WebPushException as why:
        if why.response is not None and why.response.status_code in DEAD:
            raise Gone("The device took its permission back.") from why
        status = why.response.status_code if why.response is not None else "nothing"
        raise NotDelivered(f"the push service answered {status}") from why
    except OSError as why:  # requests' errors are OSErrors
        raise NotDelivered(f"{type(why).__name__}: no answer from the push service") from why


class _Reasons(logging.Handler):
    """Keeps what apprise says of a failure: it returns no more than True or False."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:  # other channels are sent to meanwhile
            self.said.append(record.getMessage())


def _by_apprise(address: str, message: Message) -> None:
    joint = "&" if "?" in address else "?"
    plugin = apprise.Apprise.instantiate(f"{address}{joint}rto={TIMEOUT}&cto={TIMEOUT}")
    if plugin is None:
        raise BadAddress("The address is not understood any more. Enter it again.")
    reasons = _Reasons()
    told = logging.getLogger("apprise")
    told.addHandler(reasons)
    try:
        sent = plugin.notify(title=message.title, body=f"{message.body}\n{message.url}")
    finally:
        told.removeHandler(reasons)
    if not sent:
        raise NotDelivered(_plain(reasons.said, address))


def _plain(said: list[str], address: str) -> str:
    """Return the first reason without the address, which may hold a password."""
    secret = [part for part in (urlsplit(address).password, urlsplit(address).path[1:]) if part]
    text = said[0] if said else "the service did not take it"
    for each in secret:
        text = text.replace(each, "…")
    return text[:200]

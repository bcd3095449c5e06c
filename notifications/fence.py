"""Keeps a message out of private networks, wherever a name or a redirect leads at that moment.

Checked where a socket connects, so that no library, no second look-up of a name (DNS rebinding) and
no redirect passes by it. https://docs.python.org/3/library/audit_events.html
"""

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OPEN = ipaddress.ip_network("2000::/3")  # of IPv6: what is given out to the open internet
# Within it: addresses that carry one of IPv4, which may be private.
CARRIERS = tuple(map(ipaddress.ip_network, ("2001::/32", "2002::/16")))
HERE = ipaddress.ip_network("192.0.0.0/24")  # of protocols, not of hosts

_here = threading.local()


class Private(OSError):
    """An address of a private network; nothing was connected."""


def is_private(address: str) -> bool:
    """Tell whether an IP address is not one of the open internet's."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if not found.is_global or found.is_multicast or found in HERE:
        return True
    return found.version == 6 and (found not in OPEN or any(found in each for each in CARRIERS))


@contextmanager
def public_only() -> Iterator[None]:
    """Let this thread connect to the open internet alone. Connections beyond it raise Private."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_watch)
    _here.on = True
    try:
        yield
    finally:
        _here.on = False


_installed: list[bool] = []  # a hook is never taken away again, so there is one


def _watch(event: str, facts: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not getattr(_here, "on", False):
        return
    address = facts[1]
    if not isinstance(address, tuple) or is_private(str(address[0])):
        raise Private("its address led into a private network")

"""From a private key to a wallet that has proved that it can trade. Nothing here moves money."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from venues.errors import Unreadable
from venues.polymarket.auth import ApiKey, Clock, Keys, Wallet, address_of, key_request_headers
from venues.polymarket.client import PolymarketClient
from venues.polymarket.public import Addresses
from venues.polymarket.wallets import Candidate, Kind, candidates, wallet_of
from venues.proof import Step
from venues.secrets import Secret

TIMEOUT = httpx.Timeout(10.0, connect=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to ask."""

    addresses: Addresses
    relayer: str
    geoblock: str  # empty: not asked


def api_key(private_key: Secret, *, at: Places, http: httpx.Client, now: Clock) -> ApiKey:
    """Return the API key of a private key: made now, or the one that is there already.

    Raises Unreadable.
    """
    headers = key_request_headers(private_key, now=now())
    found = _json(http, "POST", f"{at.addresses.clob}/auth/api-key", headers)
    if not isinstance(found, Mapping) or not found.get("apiKey"):
        found = _json(http, "GET", f"{at.addresses.clob}/auth/derive-api-key", headers)
    try:
        return ApiKey(
            key=str(found["apiKey"]),
            secret=Secret(str(found["secret"])),
            passphrase=Secret(str(found["passphrase"])),
        )
    except (KeyError, TypeError):
        raise Unreadable("Polymarket gave this key no API key; is its clock right?") from None


def detect(
    private_key: Secret, *, funder: str, api: ApiKey, at: Places, http: httpx.Client, now: Clock
) -> Wallet:
    """Return the wallet to trade for: the one that is named, else the one that holds money, else
    the newest one that exists. Raises NotYourWallet or Unreadable.
    """
    owner = address_of(private_key)
    if funder:
        return wallet_of(owner, funder)
    there = [each for each in candidates(owner) if _exists(each, at=at, http=http)]
    best, most = there[0], Decimal(0)
    for each in there:
        wallet = wallet_of(owner, each.address)
        keys = Keys(wallet=wallet, private_key=private_key, api=api)
        held, _ = PolymarketClient(keys=keys, at=at.addresses, http=http, now=now).balance()
        if held > most:
            best, most = each, held
    return wallet_of(owner, best.address)


def _exists(each: Candidate, *, at: Places, http: httpx.Client) -> bool:
    """Tell whether a wallet is on chain; a plain address always is."""
    if each.kind is Kind.EOA:
        return True
    found = _json(http, "GET", f"{at.relayer}/deployed?address={each.address}", {})
    return bool(isinstance(found, Mapping) and found.get("deployed"))


def prove(client: PolymarketClient, *, at: Places, http: httpx.Client) -> Iterator[Step]:
    """Yield what was proved, step by step: place, signature, money, allowances."""
    yield from _place(at, http=http)
    try:
        cash, allowed = client.balance()
        closed = client.is_closed_only()
    except Unreadable as problem:
        yield Step(
            name="signed request",
            ok=False,
            says=f"Polymarket does not answer to this key: {problem}",
            fix="Check the key and this server's clock, then prove again.",
        )
        return
    yield Step(name="signed request", ok=True, says="Polymarket answers to this key.")
    yield Step(
        name="money",
        ok=cash > 0,
        says=f"${cash:,.2f} of pUSD is there.",
        fix="Send money to the wallet on polymarket.com, then prove again.",
    )
    short = [name for name, amount in allowed.items() if amount < max(cash, Decimal(1))]
    yield Step(
        name="allowances",
        ok=bool(allowed) and not short,
        says="The exchanges may take what is traded."
        if allowed and not short
        else f"{len(short) or 'All'} of the exchanges may not take money of this wallet.",
        fix="Give the allowances with the button beside, or trade once on polymarket.com.",
    )
    yield Step(
        name="open for trading",
        ok=not closed,
        says="New positions are allowed." if not closed else "Only closing is allowed.",
        fix="Polymarket restricts this wallet; ask its support.",
    )


def _place(at: Places, *, http: httpx.Client) -> Iterator[Step]:
    if not at.geoblock:
        return
    try:
        found = _json(http, "GET", at.geoblock, {})
    except Unreadable as problem:
        yield Step(
            name="place",
            ok=False,
            says=f"Whether orders are taken from here could not be asked: {problem}",
            fix="Try again; orders are not sent until this is known.",
        )
        return
    blocked = not isinstance(found, Mapping) or found.get("blocked") is not False
    country = str(found.get("country", "?"))[:3] if isinstance(found, Mapping) else "?"
    yield Step(
        name="place",
        ok=not blocked,
        says=f"Orders are {'not ' * blocked}taken from {country}.",
        fix="Polymarket does not trade where this server stands.",
    )


def _json(http: httpx.Client, method: str, url: str, headers: Mapping[str, str]) -> Any:
    """Ask, and read whatever JSON comes, refusals too. Raises Unreadable."""
    try:
        return http.request(method, url, headers=dict(headers), timeout=TIMEOUT).json()
    except (httpx.HTTPError, ValueError) as problem:
        words = str(problem) or type(problem).__name__
        raise Unreadable(f"{url.partition('?')[0]}: {words}") from problem

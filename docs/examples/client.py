"""A small typed client of PolyMix's API. It needs `httpx` alone, and Python 3.11.

    python docs/examples/client.py http://127.0.0.1:8000 demo PASSWORD

Against a server started with `make up` it signs in, shows your accounts, what waits for an answer
and the last decisions, then prints events as they happen until Ctrl-C (`--once` leaves them out).
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx


class Problem(Exception):
    """The server said no; `code` is for programs, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: str
    name: str
    mode: str  # PAPER, APPROVAL or LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An order that asks; send its digest back to approve exactly this."""

    id: str
    account: str
    side: str
    market: str
    outcome: str
    worst_cost: Decimal  # USD, at most
    digest: str
    price_now: Decimal | None
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    reason: str
    sentence: str
    at: str


class Client:
    """One person's view. A token that ran out is renewed once, and the call made again."""

    def __init__(self, server: str, username: str, password: str, *, code: str = "") -> None:
        self._http = httpx.Client(base_url=f"{server.rstrip('/')}/api/v1/", timeout=20)
        said = {"username": username, "password": password} | ({"code": code} if code else {})
        self._tokens: dict[str, str] = self._read(self._http.post("token/", json=said))

    def accounts(self) -> list[Account]:
        rows = self._all("accounts/")
        return [Account(id=row["id"], name=row["name"], mode=row["mode"]) for row in rows]

    def waiting(self) -> list[Waiting]:
        """Return orders that wait for an answer, the soonest expiry first."""
        return [
            Waiting(
                id=row["id"],
                account=row["account"],
                side=row["side"],
                market=row["market"],
                outcome=row["outcome"],
                worst_cost=Decimal(row["worst_cost"]),
                digest=row["digest"],
                price_now=None if row["price_now"] is None else Decimal(row["price_now"]),
                expires_at=row["expires_at"],
            )
            for row in self._all("approvals/")
        ]

    def approve(self, order: Waiting, *, code: str = "", most: Decimal | None = None) -> str:
        """Approve what was shown; real money asks for the authenticator's `code`."""
        seen = None if order.price_now is None else str(order.price_now)
        said: dict[str, str | None] = {"digest": order.digest, "seen": seen}
        if most is not None:
            said["most"] = str(most)
        if code:
            said["code"] = code
        return str(self._post(f"approvals/{order.id}/approve/", said)["sentence"])

    def decline(self, order: Waiting, *, note: str = "") -> str:
        return str(self._post(f"approvals/{order.id}/decline/", {"note": note})["sentence"])

    def decisions(self, account: Account, *, most: int = 10) -> list[Decision]:
        page = self._get(f"decisions/?account={account.id}&page_size={most}")
        return [
            Decision(reason=row["reason"], sentence=row["sentence"], at=row["at"])
            for row in page["results"]
        ]

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what happens from now on."""
        with self._http.stream("GET", "events/stream/", headers=self._bearer(), timeout=None) as s:
            for line in s.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens['access']}"}

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        following: str | None = path
        while following:
            page = self._get(following)
            yield from page["results"]
            following = page["next"]

    def _get(self, path: str) -> Any:
        return self._call("GET", path)

    def _post(self, path: str, said: Mapping[str, str | None]) -> Any:
        # One key for one intent: when the answer is lost, the same call can be made again.
        return self._call("POST", path, json=said, headers={"Idempotency-Key": str(uuid4())})

    def _call(self, method: str, path: str, **rest: Any) -> Any:
        headers = rest.pop("headers", {})
        answer = self._http.request(method, path, headers=headers | self._bearer(), **rest)
        if answer.status_code == 401:
            renewed = {"refresh": self._tokens["refresh"]}
            self._tokens = self._read(self._http.post("token/refresh/", json=renewed))
            answer = self._http.request(method, path, headers=headers | self._bearer(), **rest)
        return self._read(answer)

    @staticmethod
    def _read(answer: httpx.Response) -> Any:
        told = answer.json() if answer.content else {}
        if answer.is_error:
            raise Problem(told.get("code", "error"), told.get("detail", answer.reason_phrase))
        return told


def main(arguments: list[str]) -> int:
    once = "--once" in arguments
    server, username, password = [each for each in arguments if not each.startswith("--")]
    client = Client(server, username, password)
    out = sys.stdout.write
    for account in client.accounts():
        out(f"{account.mode:9} {account.name}\n")
        for decision in client.decisions(account, most=3):
            out(f"          {decision.at} {decision.reason}: {decision.sentence}\n")
    for order in client.waiting():
        out(f"WAITS     {order.side} {order.outcome}, at most ${order.worst_cost}\n")
    if not once:
        for event in client.events():
            out(f"EVENT     {event['at']} {event['sentence']}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(f"{problem} ({problem.code})")
    except KeyboardInterrupt:
        sys.exit(0)

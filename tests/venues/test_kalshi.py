"""Keys, clock, price grid, tickers and hours of Kalshi; and requests against its OpenAPI file."""

import base64
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sandbox.serving import serving
from tests.sandbox.kalshi_world import AWAY, HOME, RSA_KEY, KalshiWorld
from tests.sandbox.openapi import document
from tests.venues import kalshi
from venues.errors import NotSent, Refused, Unreadable
from venues.kalshi import markets
from venues.kalshi.auth import BadKey, ClockOff, ServerClock, SigningKey, normal_pem, signed_headers
from venues.kalshi.calls import Calls
from venues.kalshi.fees import FeeChange, FeeTerms, FeeType, dearest
from venues.kalshi.hours import THURSDAY, hours
from venues.kalshi.onboarding import may
from venues.kalshi.orders import body_of
from venues.kalshi.parse import BookSide, book_side, on_grid, yes_price
from venues.kalshi.public import Public
from venues.kalshi.teams import CODES, playing, team_code
from venues.reading import BadMessage
from venues.secrets import Secret
from venues.types import OrderKind, PriceRange, Side, Usd

D = Decimal
NOW = datetime(2026, 11, 19, 7, 30, tzinfo=UTC)  # a Thursday, 02:30 in New York
ED = ed25519.Ed25519PrivateKey.generate()


class TestKeys:
    @pytest.mark.parametrize(("key", "kind"), [(RSA_KEY, "RSA"), (ED, "Ed25519")])
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda pem: pem,
            lambda pem: pem.replace("\n", "\\n"),
            lambda pem: pem.replace("\n", "\r\n"),
            lambda pem: pem.replace("\n", "\\r\\n"),
            lambda pem: pem.replace("\n", " "),  # a field of one line
            lambda pem: pem.replace("\n", "\\\\n"),
            lambda pem: f'\n  "{pem}"  \n',
            lambda pem: "\n".join("  " + line for line in pem.splitlines()),
        ],
    )
    def test_a_key_is_read_however_it_was_pasted(self, key, kind, spoil):
        pem = kalshi.private_pem(key)

        assert normal_pem(spoil(pem)) == pem
        assert SigningKey(Secret(spoil(pem))).kind == kind

    def test_signatures_are_those_that_the_exchange_verifies(self):
        signed = signed_headers(
            kalshi.keys(), method="get", path="/trade-api/v2/portfolio/balance", now=NOW
        )
        stamp = signed["KALSHI-ACCESS-TIMESTAMP"]
        text = f"{stamp}GET/trade-api/v2/portfolio/balance".encode()
        salted = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)

        RSA_KEY.public_key().verify(
            base64.b64decode(signed["KALSHI-ACCESS-SIGNATURE"]), text, salted, hashes.SHA256()
        )
        assert stamp == str(int(NOW.timestamp() * 1000))
        made = SigningKey(Secret(kalshi.private_pem(ED))).sign(text)
        ED.public_key().verify(base64.b64decode(made), text)

    @pytest.mark.parametrize(
        ("pasted", "words"),
        [
            ("", "no private key"),
            ("3f2a-uuid", "no private key"),
            ("-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----", "PUBLIC KEY, not"),
            ("-----BEGIN RSA PRIVATE KEY-----\nAA\n-----END RSA PRIVATE KEY-----", "incomplete"),
        ],
    )
    def test_what_is_no_key_is_refused_without_quoting_it(self, pasted, words):
        with pytest.raises(BadKey, match=words):
            SigningKey(Secret(pasted))

    def test_other_kinds_and_short_keys_are_refused(self):
        other = ec.generate_private_key(ec.SECP256R1())
        short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        pem = other.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

        with pytest.raises(BadKey, match="neither"):
            SigningKey(Secret(pem))
        with pytest.raises(BadKey, match="2048 bits"):
            SigningKey(Secret(kalshi.private_pem(short)))

    def test_a_key_shows_nothing_of_itself(self):
        signing = SigningKey(Secret(kalshi.private_pem(ED)))

        assert repr(signing) == str(signing) == "SigningKey(...)"
        assert "PRIVATE" not in repr(kalshi.keys())
        with pytest.raises(TypeError):
            signing.__reduce__()

    def test_a_right_is_there_by_itself_or_by_the_one_above_it(self):
        assert may(("read", "write::trade"), "write::trade")
        assert may(("read", "write"), "write::trade")
        assert not may(("read",), "write::trade")


class TestClock:
    def hear(self, off: float, *, travel: float = 0.2) -> ServerClock:
        clock = ServerClock()
        date = format_datetime((NOW + timedelta(seconds=off)).replace(microsecond=0), usegmt=True)
        clock.hear({"date": date}, sent=NOW, received=NOW + timedelta(seconds=travel))
        return clock

    @pytest.mark.parametrize("off", [0, 1, -1, 2, -2])
    def test_what_whole_seconds_and_the_way_can_explain_is_no_skew(self, off):
        self.hear(off).check()

    @pytest.mark.parametrize("off", [3, -4, 60, -3600])
    def test_more_than_two_seconds_stop_the_signing(self, off):
        with pytest.raises(ClockOff, match="signing stops at 2 s"):
            self.hear(off).check()

    def test_the_largest_difference_that_was_proved_lately_counts(self):
        clock = ServerClock()
        for tenth in range(0, 20, 3):  # 2.5 s off, heard at different parts of a second
            sent = NOW + timedelta(seconds=tenth / 10)
            date = format_datetime(
                (sent + timedelta(seconds=2.5)).replace(microsecond=0), usegmt=True
            )
            clock.hear({"date": date}, sent=sent, received=sent)

        with pytest.raises(ClockOff):
            clock.check()

    def test_a_clock_that_was_put_right_signs_again_at_once(self):
        clock = ServerClock()
        wrong = NOW + timedelta(hours=1)
        told = {"date": format_datetime(NOW, usegmt=True)}
        clock.hear(told, sent=wrong, received=wrong)
        with pytest.raises(ClockOff):
            clock.check()

        clock.hear(told, sent=NOW, received=NOW)

        clock.check()

    def test_an_answer_that_somebody_kept_teaches_nothing(self):
        clock = ServerClock()
        clock.hear(
            {"date": format_datetime(NOW - timedelta(hours=1), usegmt=True), "age": "3600"},
            sent=NOW,
            received=NOW,
        )
        clock.check()

    def test_a_slow_answer_is_no_wrong_clock(self):
        self.hear(5, travel=6).check()

    @pytest.mark.parametrize("headers", [{}, {"date": "soon"}])
    def test_an_answer_without_a_date_teaches_nothing(self, headers):
        clock = ServerClock()
        clock.hear(headers, sent=NOW, received=NOW)

        assert not clock.is_known(now=NOW)


class TestGrid:
    CENTS = kalshi.CENTS
    TAPERED = (
        PriceRange(start=D("0"), end=D("0.1"), step=D("0.001")),
        PriceRange(start=D("0.1"), end=D("0.9"), step=D("0.01")),
        PriceRange(start=D("0.9"), end=D("1"), step=D("0.001")),
    )

    @given(price=st.decimals(min_value=D("0.001"), max_value=D("0.999"), places=4))
    def test_a_price_on_the_grid_is_never_worse_for_us(self, price):
        for ranges in (self.CENTS, self.TAPERED):
            for side in BookSide:
                try:
                    found = on_grid(price, side=side, ranges=ranges)
                except BadMessage:
                    continue
                assert found <= price if side is BookSide.BID else found >= price
                assert abs(found - price) < D("0.01")
                assert any(
                    each.start <= found <= each.end and (found - each.start) % each.step == 0
                    for each in ranges
                )

    @pytest.mark.parametrize(
        ("token", "side", "wire"),
        [
            (kalshi.YES, Side.BUY, "bid"),
            (kalshi.YES, Side.SELL, "ask"),
            (kalshi.NO, Side.BUY, "ask"),
            (kalshi.NO, Side.SELL, "bid"),
        ],
    )
    def test_no_is_the_other_side_at_the_rest_of_a_dollar(self, token, side, wire):
        assert book_side(token, side) == wire
        expected = D("0.30") if token == kalshi.YES else D("0.70")
        assert yes_price(token, D("0.30")) == expected


class TestTickers:
    @pytest.mark.parametrize(
        ("event", "league", "day", "codes"),
        [
            ("KXNFLGAME-26OCT08TBDAL", "NFL", date(2026, 10, 8), ("TB", "DAL")),
            ("KXNBAGAME-26OCT20OKCSAS", "NBA", date(2026, 10, 20), ("OKC", "SAS")),
            ("KXNHLGAME-26OCT12VGKMIN", "NHL", date(2026, 10, 12), ("VGK", "MIN")),
            ("KXMLBGAME-26AUG102210KCLAD", "MLB", date(2026, 8, 10), ("KC", "LAD")),
            ("KXNHLGAME-26NOV01LASJ", "NHL", date(2026, 11, 1), ("LA", "SJ")),
            ("KXNFLGAME-26NOV01NENO", "NFL", date(2026, 11, 1), ("NE", "NO")),
        ],
    )
    def test_teams_are_split_by_the_table_and_never_by_position(self, event, league, day, codes):
        found = playing(event)

        assert (found.league, found.day, found.codes) == (league, day, codes)

    @pytest.mark.parametrize(
        "event",
        ["KXNFLGAME-26OCT08XXDAL", "KXNFLSPREAD-26OCT08TBDAL", "KXNFLGAME-26FOO08TBDAL", ""],
    )
    def test_what_is_not_clearly_two_teams_is_nobody(self, event):
        assert playing(event) is None

    def test_the_rams_are_one_team_under_two_codes(self):
        assert team_code("NFL", "LA") == team_code("NFL", "LAR") == "LAR"
        assert team_code("NHL", "LA") == "LA"
        assert team_code("NFL", "JAX") is None

    def test_leagues_are_whole(self):
        assert [len(CODES[league]) for league in ("NBA", "NHL", "MLB")] == [30, 32, 30]
        assert len(CODES["NFL"]) == 33  # the Rams twice

    def test_the_table_agrees_with_what_was_gathered(self, shared):
        import csv

        rows = csv.DictReader((shared / "reference" / "teams.csv").open())
        for row in rows:
            assert row["kalshi_code"] in CODES[row["league"].upper()], row


class TestHours:
    def test_the_weekly_pause_is_known_and_stopped_for_two_minutes_before(self):
        at = datetime(2026, 11, 19, 8, tzinfo=UTC)  # 03:00 in New York

        assert not THURSDAY.opens_in(at - timedelta(minutes=3))
        assert THURSDAY.opens_in(at - timedelta(minutes=1)) == timedelta(hours=2, minutes=1)
        assert THURSDAY.opens_in(at + timedelta(hours=1)) == timedelta(hours=1)
        assert not THURSDAY.opens_in(at + timedelta(hours=2))
        assert not THURSDAY.opens_in(at + timedelta(days=1))

    def test_in_summer_it_is_an_hour_earlier_here(self):
        assert THURSDAY.opens_in(datetime(2026, 7, 16, 7, 30, tzinfo=UTC))

    def test_the_schedule_that_is_told_counts(self):
        world = KalshiWorld()
        told = world.call("", "GET", "/exchange/schedule").json()
        window = {
            "start_datetime": "2026-11-21T10:00:00Z",
            "end_datetime": "2026-11-21T11:00:00Z",
        }
        told["schedule"]["maintenance_windows"] = [window]

        found = hours(told, now=world.clock.now())

        assert found.weekly == THURSDAY.weekly
        assert found.opens_in(datetime(2026, 11, 21, 10, 30, tzinfo=UTC)) == timedelta(minutes=30)

    @pytest.mark.parametrize("row", [{}, {"schedule": None}, {"schedule": {"standard_hours": []}}])
    def test_a_schedule_that_says_nothing_leaves_the_published_pause(self, row):
        assert hours(row, now=NOW).weekly == THURSDAY.weekly


def test_an_order_may_meet_the_dearest_fee_of_its_life():
    now = FeeTerms(kind=FeeType.QUADRATIC, multiplier=D("0.5"))
    soon = FeeChange(kind=None, multiplier=D(1), at=NOW + timedelta(hours=1))
    late = FeeChange(kind=None, multiplier=D(2), at=NOW + timedelta(days=1))

    free = FeeTerms(kind=FeeType.QUADRATIC, multiplier=D(0))
    until = NOW + timedelta(hours=2)

    assert dearest(now, [soon, late], series=now, until=until).rate == D("0.07")
    assert dearest(now, [late], series=now, until=until).rate == D("0.035")
    back = FeeChange(kind=None, multiplier=None, at=NOW + timedelta(hours=1))
    assert dearest(free, [back], series=now, until=until).rate == D("0.035")
    unknown = FeeChange(kind=None, multiplier=None, at=NOW + timedelta(hours=1), is_known=False)
    assert dearest(now, [unknown], series=now, until=until) is None
    assert dearest(now, [unknown], series=now, until=NOW) == now


def test_the_rules_of_a_contract_have_a_hash_that_follows_every_word():
    row = {"ticker": "A-B", "event_ticker": "A", "status": "active", "rules_primary": "If B wins"}
    first = markets.contract(row)

    assert first.rules_hash != markets.contract({**row, "rules_secondary": "Ties pay."}).rules_hash
    assert first.rules_hash == markets.contract(dict(row)).rules_hash


@pytest.mark.parametrize("value", ["big_game_fees", "flat"])
def test_fees_whose_formula_nobody_knows_are_never_guessed(value):
    with pytest.raises(BadMessage, match="formula"):
        markets.fee_type(value)


class TestRequests:
    """What leaves this machine fits the exchange's own file."""

    @pytest.fixture
    def spec(self, shared):
        return document(shared / "fixtures" / "kalshi" / "spec" / "openapi-3.34.0.yaml")

    def conforms(self, spec, name, row):
        schema = {**spec["components"]["schemas"][name], "components": spec["components"]}
        problems = [error.message for error in Draft202012Validator(schema).iter_errors(row)]
        assert not problems
        unknown = set(row) - set(spec["components"]["schemas"][name]["properties"])
        assert not unknown

    @pytest.mark.parametrize("kind", OrderKind)
    @pytest.mark.parametrize("side", Side)
    @pytest.mark.parametrize("token", [kalshi.YES, kalshi.NO])
    def test_orders(self, spec, kind, side, token):
        made = kalshi.request(kind=kind, side=side, token=token, limit="0.53")

        self.conforms(spec, "CreateOrderV2Request", body_of(made, kalshi.TERMS))

    def test_everything_a_client_asks_is_in_the_file(self, spec):
        import re

        asked: list[tuple[str, str, set[str], bytes]] = []
        world = KalshiWorld()
        with serving(world.app) as url:

            def note(request: httpx.Request) -> None:
                path = request.url.path.removeprefix(kalshi.ROOT)
                names = {name for name, _ in request.url.params.multi_items()}
                asked.append((request.method, path, names, request.content))

            http = httpx.Client(event_hooks={"request": [note]})
            venue = kalshi.on(world, url, http=http)
            public = Public(
                Calls(url + kalshi.ROOT, http=http, now=world.clock.wall, clock=ServerClock())
            )
            at = world.clock.now()
            made = kalshi.request(at=at, limit="0.30")
            venue.place_order(made, venue.prepare(made), not_after=made.expires_at)
            venue.get_order_status(made, now=at)
            venue.get_order_statuses([made], now=at)
            venue.cancel_order(made, now=at)
            venue.is_healthy()
            venue.open_orders()
            book = venue.portfolio
            book.balance(), book.positions(), book.settlements(since=at), book.key_ids()
            book.tier()
            book.transfer(
                key="6f1c7a52-6d0c-4f43-9a3f-6f6b8f6a2a11",
                amount=D("12.34"),
                source=0,
                destination=3,
                not_after=at + timedelta(hours=1),
            )
            book.transfers({"x"}), book.order_ids()
            public.series("KXNBAGAME"), public.events("KXNBAGAME"), public.market(HOME)
            public.contracts([HOME, AWAY]), public.books([HOME, AWAY], at=at)
            public.trades(HOME, since=at), public.shards(), public.hours(now=at)
            public.milestones("NBA", since=at), public.fee_changes("KXNBAGAME")
            with pytest.raises(Unreadable):
                public.series("NONE")

        assert len(asked) > 20
        for method, path, names, body in asked:
            templates = [
                template
                for template, operations in spec["paths"].items()
                if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path)
                and method.lower() in operations
            ]
            assert templates, f"{method} {path} is not in the file"
            template = path if path in templates else templates[0]
            operation = spec["paths"][template][method.lower()]
            known = {self.resolved(spec, each)["name"] for each in operation.get("parameters", [])}
            assert names <= known, f"{method} {path} has no {names - known}"
            if body:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                self.conforms(spec, schema["$ref"].rpartition("/")[2], json.loads(body))

    def resolved(self, spec, row):
        while "$ref" in row:
            found = spec
            for part in row["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            row = found
        return row

    def test_dollars_buy_as_many_as_they_pay_at_the_limit_with_the_fee(self):
        made = kalshi.request(limit="0.50", amount=Usd(amount=D("10.35")), kind=OrderKind.FAK)

        assert body_of(made, kalshi.TERMS)["count"] == "20.00"

    def test_an_order_of_a_market_that_is_not_known_is_refused(self):
        venue = kalshi.client("http://kalshi", now=lambda: NOW)

        with pytest.raises(Refused, match="not known yet"):
            venue.prepare(kalshi.request(terms=None))


class TestReads:
    def calls(self, *answers: httpx.Response | Exception) -> tuple[Calls, list[str]]:
        asked: list[str] = []
        told = iter(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.method)
            found = next(told)
            if isinstance(found, Exception):
                raise found
            return found

        http = httpx.Client(transport=httpx.MockTransport(answer))
        clock = ServerClock()
        clock.hear({"date": format_datetime(NOW, usegmt=True)}, sent=NOW, received=NOW)
        made = Calls(
            "http://kalshi" + kalshi.ROOT,
            http=http,
            now=lambda: NOW,
            clock=clock,
            keys=kalshi.keys(),
            sleep=lambda seconds: None,
        )
        return made, asked

    def test_a_read_is_tried_again_while_it_may_help(self):
        calls, asked = self.calls(
            httpx.ConnectError("down"),
            httpx.Response(429, json={"error": "too many requests"}),
            httpx.Response(502, text="<html>"),
            httpx.Response(200, json={"a": 1}),
        )

        assert calls.get("/series/X") == {"a": 1}
        assert len(asked) == 4

    def test_a_read_that_never_goes_well_says_so(self):
        calls, asked = self.calls(*[httpx.Response(503)] * 9)

        with pytest.raises(Unreadable, match="status 503"):
            calls.get("/series/X")
        assert len(asked) == 4

    def test_a_refused_read_is_not_tried_again_and_quotes_the_words(self):
        calls, asked = self.calls(
            httpx.Response(401, json={"error": {"code": "authentication_error", "details": "NO"}})
        )

        with pytest.raises(Unreadable, match="authentication_error: NO"):
            calls.get("/portfolio/balance")
        assert len(asked) == 1

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_write_is_never_tried_again(self, status):
        calls, asked = self.calls(*[httpx.Response(status)] * 3)

        calls.write("POST", "/portfolio/events/orders", like="/portfolio/events/orders")

        assert len(asked) == 1

    def test_no_connection_is_nothing_sent(self):
        calls, _ = self.calls(httpx.ConnectError("down"))

        with pytest.raises(NotSent):
            calls.write("POST", "/portfolio/events/orders", like="/portfolio/events/orders")

    def test_a_list_that_repeats_its_cursor_ends_with_an_error(self):
        page = httpx.Response(200, json={"fills": [], "cursor": "same"})
        calls, _ = self.calls(page, page, page)

        with pytest.raises(Unreadable, match="same page again"):
            list(calls.pages("/portfolio/fills", "fills"))

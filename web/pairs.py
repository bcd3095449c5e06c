"""Pairs of games: what is mispriced now, what both contracts say, and what became of our trades."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Account, User
from markets import clock, opportunities, pairing
from markets.domain.payoff import MATRIX, Branch, Route
from markets.models import Opportunity, Pair, PairApproval
from risk.domain.pairs import DEFAULT_PAIRS
from risk.domain.reasons import ADVICE, Reason
from risk.models import PairProfile, RiskProfile
from trading import arbitrage, leases, pair_settlement, pair_trades
from trading.domain.legs import OPEN, PairState
from trading.models import Decision, PairTrade
from trading.pair_watch import LEASE
from venues.words import duration
from web.views import account_of, page_of, paged

LONGEST = 4_000  # characters of a note
LATE = timedelta(seconds=15)  # of a watch that says nothing
WIDTH, HEIGHT = 600, 160
BRANCHES = {
    Branch.AWAY: "{away} wins",
    Branch.HOME: "{home} wins",
    Branch.TIE: "tie",
    Branch.CANCELLED: "cancelled",
    Branch.LATE_AWAY: "postponed beyond the limit, {away} wins then",
    Branch.LATE_HOME: "postponed beyond the limit, {home} wins then",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An opportunity with what this account did about it."""

    row: Opportunity
    lasted: str
    verdict: Decision | None
    trade: PairTrade | None
    is_live: bool

    @property
    def unit(self) -> Decimal:
        return self.row.net / self.row.shares

    @property
    def fees(self) -> Decimal:
        return self.row.fees / self.row.shares


@login_required
@require_GET
def found(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """List what earns something now, with the reason why it was not traded, and the latest ones."""
    context = page_of(request, account_id, title="Pairs")
    account, now = context["account"], clock.database_now()
    live = opportunities.current(now=now)
    best = opportunities.by_pair(live)
    past = (
        Opportunity.objects.filter(ended_at__isnull=False)
        .select_related("pair__game", "pair__polymarket")
        .order_by("-last_seen", "-pk")
    )
    league = request.GET.get("league", "")
    if league in DEFAULT_PAIRS.leagues:
        past = past.filter(pair__game__league=league)
        best = {key: row for key, row in best.items() if row.pair.game.league == league}
    page = paged(request, past)
    seen = leases.seen_at(LEASE)
    context |= {
        "live": _shown(account, list(best.values()), is_live=True),
        "past": _shown(account, list(page), is_live=False),
        "page": page,
        "league": league,
        "leagues": DEFAULT_PAIRS.leagues,
        "pairs": Pair.objects.exclude(state=Pair.State.OVER).count(),
        "refused": pairing.refused(),
        "silent": None if seen is not None and now - seen < LATE else _silence(seen, now),
        "bounds": PairProfile.objects.get(account=account).bounds(),
        "limits": RiskProfile.objects.get(account=account).limits(),
        "games": Pair.objects.exclude(state=Pair.State.OVER)
        .select_related("game")
        .order_by("game__starts_at", "pk"),
    }
    topic = request.headers.get("HX-Target", "")
    whole = not request.headers.get("HX-Request") or topic != "opportunities"
    name = "web/opportunities.html" if whole else "web/fragments/opportunities.html"
    response = render(request, name, context)
    response.headers["Vary"] = "HX-Request, HX-Target, Cookie"
    return response


def _silence(seen: Any, now: Any) -> str:
    return "never began here" if seen is None else f"said nothing for {duration(now - seen)}"


@login_required
@require_GET
def opportunity(request: HttpRequest, account_id: UUID, opportunity_id: int) -> HttpResponse:
    context = page_of(request, account_id, title="Opportunity")
    row = get_object_or_404(
        Opportunity.objects.select_related(
            "pair__game", "pair__polymarket", "pair__away_outcome", "pair__home_outcome"
        ),
        pk=opportunity_id,
    )
    account = context["account"]
    limits = RiskProfile.objects.get(account=account).limits()
    context |= {
        "shown": _shown(account, [row], is_live=row.ended_at is None)[0],
        "row": row,
        "legs": _legs(row.pair, Route(row.route)),
        "verdicts": _verdicts(account, [row])[row.pk],
        "advice": {reason.value: text for reason, text in ADVICE.items()},
        "line": _line(row.points),
        "limits": limits,
        "other": Opportunity.objects.filter(pair=row.pair)
        .exclude(pk=row.pk)
        .order_by("-last_seen")[:10],
    }
    return render(request, "web/opportunity.html", context)


@login_required
@require_GET
def dossier(request: HttpRequest, account_id: UUID, pair_id: int) -> HttpResponse:
    """Show whether both contracts settle alike: what differs first, whole texts behind a tap."""
    context = page_of(request, account_id, title="Dossier")
    account = context["account"]
    pair = get_object_or_404(
        Pair.objects.select_related(
            "game", "polymarket", "away_outcome", "home_outcome", "kalshi_away", "kalshi_home"
        ),
        pk=pair_id,
    )
    said = (
        PairApproval.objects.filter(pair=pair, user=account.owner_id)
        .select_related("user")
        .order_by("-at", "-pk")
    )
    last = said.first()
    bounds = PairProfile.objects.get(account=account).bounds()
    approved, frozen = arbitrage.judged(pair, last, bounds)
    lines = pair.reading["lines"]
    context |= {
        "pair": pair,
        "matrix": _matrix(pair),
        "failed": [line for line in lines if not line["holds"]],
        "lines": lines,
        "terms": _terms(pair),
        "said": said[:10],
        "changes": _changes(last, pair),
        "approved": approved,
        "by_rule": approved and (last is None or last.rules_hash != pair.rules_hash),
        "frozen": frozen,
        "bounds": bounds,
        "can_accept": pair.game.league in ("NBA", "NHL"),
        "running": PairTrade.objects.filter(pair=pair, account=account, state__in=sorted(OPEN)),
        "earlier": PairTrade.objects.filter(
            pair__game__league=pair.game.league, settled_at__isnull=False
        ).count(),
    }
    return render(request, "web/dossier.html", context)


@login_required
@require_POST
def judge(request: HttpRequest, account_id: UUID, pair_id: int) -> HttpResponse:
    """Approve or refuse a pair, or accept the standard shape of its league, for one's accounts."""
    account = account_of(request, account_id)
    assert isinstance(request.user, User)
    pair = get_object_or_404(Pair.objects.select_related("game"), pk=pair_id)
    league = pair.game.league
    if "standard" in request.POST and league in ("NBA", "NHL"):
        profile = PairProfile.objects.get(account=account)
        profile.accept_standard = sorted({*profile.accept_standard, league})
        profile.save(update_fields=["accept_standard"])
        messages.success(
            request, f"{account.name} trades standard {league} pairs from now on, unasked."
        )
        return redirect("dossier", account.pk, pair.pk)
    try:
        pairing.approve(
            pair_id=pair.pk,
            user=request.user,
            is_approved="approve" in request.POST,
            shown=request.POST.get("rules_hash", ""),
            note=request.POST.get("note", "")[:LONGEST],
            now=clock.database_now(),
        )
        word = "approved" if "approve" in request.POST else "refused"
        messages.success(request, f"You {word} this pair, for your accounts and these texts.")
    except pairing.NotApproved as problem:
        messages.error(request, str(problem))
    return redirect("dossier", account.pk, pair.pk)


@login_required
@require_GET
def trades(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Pair trades")
    rows = (
        PairTrade.objects.filter(account=context["account"])
        .select_related("game", "first__market", "second__market")
        .order_by("-created_at", "pk")
    )
    state = request.GET.get("state", "")
    if state in set(PairState):
        rows = rows.filter(state=state)
    context |= {"page": paged(request, rows), "state": state, "states": list(PairState)}
    return render(request, "web/pair_trades.html", context)


@login_required
@require_GET
def trade(request: HttpRequest, account_id: UUID, trade_id: UUID) -> HttpResponse:
    """Show both legs of a trade on one clock, and what it came to."""
    context = page_of(request, account_id, title="Pair trade")
    row = _trade(context["account"], trade_id)
    now = clock.database_now()
    one, other = (pair_settlement.traded(row, first=first) for first in (True, False))
    context |= {
        "trade": row,
        "live": row.state in OPEN,
        "events": row.events.order_by("pk"),
        "orders": row.orders.select_related("outcome__market").order_by("created_at", "pk"),
        "one": one,
        "other": other,
        "naked": abs(one.held - other.held),
        "at_risk": (one.held - other.held) * one.average
        if one.held > other.held
        else (other.held - one.held) * other.average,
        "most": sum((order.worst_cost for order in row.orders.all()), Decimal(0)),
        "open_for": None
        if row.unhedged_at is None
        else duration(max(now - row.unhedged_at, timedelta(0))),
        "bounds": pair_trades.bounds_of(row),
        "difference": None if row.realised is None else row.realised - row.expected,
        "parts": [
            (PARTS[name], Decimal(value))
            for name, value in row.explained.items()
            if name in PARTS and Decimal(value)
        ],
        "leg_risk": row.figures["leg_risk"],
    }
    return render(request, "web/pair_trade.html", context)


PARTS = {
    "size": "fewer or more shares than planned",
    "slippage": "other prices than planned",
    "fees": "other fees than planned",
    "unwind": "bought and sold again",
    "branch": "the game paid something else than a dollar",
}


@login_required
@require_POST
def answer(request: HttpRequest, account_id: UUID, trade_id: UUID) -> HttpResponse:
    """Approve or decline a waiting trade, or take over one that evidence could not settle."""
    account = account_of(request, account_id)
    assert isinstance(request.user, User)
    row, now = _trade(account, trade_id), clock.database_now()
    note = request.POST.get("note", "").strip()[:LONGEST]
    if "approve" in request.POST:
        said = pair_trades.approve(trade_id=row.pk, by=request.user, note=note, now=now)
    elif "decline" in request.POST:
        said = pair_trades.decline(trade_id=row.pk, by=request.user, note=note, now=now)
    elif not note:
        said = "Say what you saw at both venues: it is kept with the trade."
    else:
        by = request.user.get_username()
        counted = pair_trades.settle_by_hand(trade_id=row.pk, by=by, note=note, now=now)
        said = (
            "Taken over. What is open is an ordinary position now."
            if counted
            else "It is not for a person to decide now: look at its orders."
        )
    messages.info(request, said)
    return redirect("pair-trade", account.pk, row.pk)


# What a bound may be: beyond these it would bound nothing, or stop everything.
SENSIBLE = {
    name: (Decimal(least), Decimal(most))
    for name, least, most in (
        ("min_lifetime", "0", "600"),
        ("max_worst_loss", "0.01", "1000000"),
        ("max_edge", "0.001", "0.5"),
        ("reserve_nba", "0", "0.2"),
        ("reserve_nfl", "0", "0.2"),
        ("reserve_nhl", "0", "0.2"),
        ("max_book_age", "0.1", "10"),
        ("depth_multiple", "1", "100"),
        ("fok_multiple", "1", "1000"),
        ("max_delay", "0", "10"),
        ("quiet_seconds", "0", "86400"),
        ("max_unhedged", "1", "100000"),
        ("max_unhedged_part", "0.0001", "0.2"),
        ("hedge_loss", "0", "0.2"),
        ("hedge_tries", "1", "10"),
        ("hedge_soft", "0", "60"),
        ("hedge_hard", "1", "120"),
        ("unknown_wait", "0", "60"),
        ("unwind_tries", "1", "10"),
        ("unwind_wait", "1", "3600"),
    )
}


class PairForm(forms.ModelForm):  # type: ignore[type-arg]
    """The bounds of an account's pair trades, in the order in which people think of them."""

    leagues = forms.MultipleChoiceField(
        choices=[(each, each) for each in DEFAULT_PAIRS.leagues],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Sports",
        help_text="None of them switches pairs off.",
    )
    accept_standard = forms.MultipleChoiceField(
        choices=[(each, each) for each in ("NBA", "NHL")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Trade the standard contracts unasked",
        help_text="Every line of their dossier holds. An NFL pair always asks: it can tie.",
    )
    excluded = forms.CharField(
        required=False,
        label="Never trade",
        help_text="Teams (NBA:LAL), games (LAL@BOS) or slugs, with commas between them.",
    )
    bet_amount = forms.DecimalField(
        min_value=Decimal(1), max_value=Decimal(1_000_000), label="Bet amount, USD a pair"
    )
    min_roi = forms.DecimalField(
        min_value=Decimal(0), max_value=Decimal(100), decimal_places=4, label="Minimum ROI, %"
    )
    max_daily_pairs = forms.IntegerField(min_value=0, max_value=10_000, label="Pairs a day")

    class Meta:
        model = PairProfile
        exclude = ("account",)
        labels = {
            "min_lifetime": "Minimum lifetime of an opportunity, s",
            "max_worst_loss": "Most the worst branch may lose, USD",
            "max_edge": "Too good to be true above this part of the cost",
            "reserve_nba": "Reserve NBA, USD a share",
            "reserve_nfl": "Reserve NFL, USD a share",
            "reserve_nhl": "Reserve NHL, USD a share",
            "max_book_age": "Oldest book, s",
            "depth_multiple": "Kalshi's depth, times what is hedged",
            "fok_multiple": "All or nothing from so many times the depth",
            "max_delay": "Longest matching delay, s",
            "trade_in_play": "Also while a game is played",
            "quiet_seconds": "No new pair so long before a start, s",
            "max_unhedged": "Most open on one side, USD",
            "max_unhedged_part": "Most open on one side, part of equity",
            "hedge_loss": "A hedge or an unwind may lose, USD a share",
            "hedge_tries": "Hedges, at most",
            "hedge_soft": "Then only the last price, after s",
            "hedge_hard": "Then the first leg is sold, after s",
            "unknown_wait": "Doubtful first leg: hedge what is known after s",
            "unwind_tries": "Unwinds, at most",
            "unwind_wait": "Unsettled shares are waited for, s",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, (least, most) in SENSIBLE.items():
            field = self.fields[name]
            field.validators = [MinValueValidator(least), MaxValueValidator(most)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        soft, hard = cleaned.get("hedge_soft"), cleaned.get("hedge_hard")
        if soft is not None and hard is not None and hard < soft:
            self.add_error("hedge_hard", "Not before the last price was tried.")
        return cleaned

    def clean_excluded(self) -> list[str]:
        parts = [part.strip() for part in self.cleaned_data["excluded"].split(",")]
        return [part[:80] for part in parts if part][:200]


@login_required
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Pair settings")
    account = context["account"]
    profile = PairProfile.objects.get(account=account)
    limits = RiskProfile.objects.get(account=account)
    names = ("bet_amount", "min_roi", "max_daily_pairs")
    form = PairForm(
        request.POST or None,
        instance=profile,
        initial={
            "excluded": ", ".join(profile.excluded),
            **{name: getattr(limits, name) for name in names},
        },
    )
    if request.method == "POST" and form.is_valid():
        form.save()
        for name in names:
            setattr(limits, name, form.cleaned_data[name])
        limits.save(update_fields=names)
        messages.success(request, "Saved. Trades that run keep the bounds they began with.")
        return redirect("pair-settings", account.pk)
    own = ("max_position_size", "daily_loss_limit")
    context |= {"form": form, "own": {name: getattr(limits, name) for name in own}}
    return render(request, "web/pair_settings.html", context)


def _trade(account: Account, trade_id: UUID) -> PairTrade:
    return get_object_or_404(
        PairTrade.objects.select_related(
            "game", "pair", "first__market", "second__market", "opportunity"
        ),
        pk=trade_id,
        account=account,
    )


def _shown(account: Account, rows: Sequence[Opportunity], *, is_live: bool) -> list[Shown]:
    verdicts, made = _verdicts(account, rows), _trades(account, rows)
    return [
        Shown(
            row=row,
            lasted=duration(row.last_seen - row.first_seen),
            verdict=verdicts[row.pk][0] if verdicts[row.pk] else None,
            trade=made.get(row.pk),
            is_live=is_live,
        )
        for row in sorted(rows, key=lambda each: -each.net if is_live else 0)
    ]


def _verdicts(account: Account, rows: Sequence[Opportunity]) -> dict[int, list[Decision]]:
    """Return why this account did nothing about opportunities, the latest reason first."""
    sources = {f"opportunity:{row.pk}:{reason.value}": row.pk for row in rows for reason in Reason}
    found: dict[int, list[Decision]] = {row.pk: [] for row in rows}
    for each in Decision.objects.filter(account=account, source__in=sources).order_by("-at"):
        found[sources[each.source]].append(each)
    return found


def _trades(account: Account, rows: Sequence[Opportunity]) -> dict[int, PairTrade]:
    made = PairTrade.objects.filter(account=account, opportunity__in=[row.pk for row in rows])
    return {each.opportunity_id: each for each in made}


def _legs(pair: Pair, route: Route) -> tuple[str, str]:
    """Return what a route buys, in words."""
    ours = pair.away_outcome if route.buys_away else pair.home_outcome
    team = pair.game.away if route.kalshi_away else pair.game.home
    return ours.name, f"{team} {'YES' if route.is_yes else 'NO'}"


def _matrix(pair: Pair) -> list[dict[str, Any]]:
    """Return the payoff of both legs by branch, for the away team on Polymarket."""
    names = {"away": pair.game.away, "home": pair.game.home}
    rows = []
    for row in MATRIX:
        ours = row.polymarket_away
        theirs = None if row.kalshi_away is None else 1 - row.kalshi_away
        rows.append(
            {
                "branch": BRANCHES[row.branch].format(**names),
                "ours": ours,
                "theirs": theirs,
                "both": None if theirs is None else ours + theirs,
            }
        )
    return rows


def _terms(pair: Pair) -> list[tuple[str, str, str, bool]]:
    """Return what each contract says, by subject, and whether they say it alike."""
    ours, theirs = pair.reading["polymarket"], pair.reading["kalshi"]
    alike = {"overtime": True, "tie": pair.reading["tie_pays"]}
    names = ("overtime", "tie", "cancelled", "postponed", "source", "deadline")
    return sorted(
        ((name, ours[name], theirs[name], alike.get(name, False)) for name in names),
        key=lambda each: each[3],
    )


def _changes(last: PairApproval | None, pair: Pair) -> list[tuple[str, str, bool]]:
    """Return what changed in both texts since the last word on them: venue, words, added."""
    if last is None or last.texts == pair.texts:
        return []
    found: list[tuple[str, str, bool]] = []
    for venue in ("polymarket", "kalshi"):
        old, new = last.texts.get(venue, "").split(), pair.texts[venue].split()
        for code, i, j, k, m in difflib.SequenceMatcher(None, old, new).get_opcodes():
            if code in ("replace", "delete"):
                found.append((venue, " ".join(old[i:j]), False))
            if code in ("replace", "insert"):
                found.append((venue, " ".join(new[k:m]), True))
    return found


def _line(points: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the static picture of an edge over time: gross and net cents a share."""
    if len(points) < 2:
        return {}
    start, end = points[0][0], points[-1][0]
    values = [value for point in points for value in point[1:]] + [0.0]
    low, high = min(values), max(values)
    span, height = (end - start) or 1, (high - low) or 1

    def y(value: float) -> float:
        return HEIGHT - 8 - (HEIGHT - 16) * (value - low) / height

    def line(place: int) -> str:
        return " ".join(
            f"{WIDTH * (point[0] - start) / span:.1f},{y(point[place]):.1f}" for point in points
        )

    return {
        "gross": line(1),
        "net": line(2),
        "zero": f"{y(0.0):.1f}",
        "sentence": (
            f"Net edge went from {points[0][2]:.2f}¢ to {points[-1][2]:.2f}¢ a share in "
            f"{duration(timedelta(seconds=end - start))}; best {max(p[2] for p in points):.2f}¢."
        ),
    }

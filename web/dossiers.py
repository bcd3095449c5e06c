"""Whether both contracts of a pair settle alike, and a person's word on it."""

import difflib
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from markets import clock, pairing
from markets.domain.payoff import MATRIX, Branch
from markets.models import Pair, PairApproval
from risk.models import PairProfile
from trading import pair_gathering
from trading.domain.pair_state import OPEN
from trading.models import PairTrade
from web.views import account_of, page_of

LONGEST = 4_000  # characters of a note
BRANCHES = {
    Branch.AWAY: "{away} wins",
    Branch.HOME: "{home} wins",
    Branch.TIE: "tie",
    Branch.CANCELLED: "cancelled",
    Branch.LATE_AWAY: "postponed beyond the limit, {away} wins then",
    Branch.LATE_HOME: "postponed beyond the limit, {home} wins then",
}


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
    approved, frozen = pair_gathering.judged(pair, last, bounds)
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
    alike = {
        # A pair that was read before overtime was compared says nothing of it.
        "overtime": pair.reading.get("counts_overtime", False),
        "tie": pair.reading["tie_pays"],
    }
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

"""Whether both contracts of a pair settle alike, and a person's word on it."""

import difflib
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import factors
from accounts.models import Account, User
from markets import clock, pairing
from markets.domain.payoff import MATRIX, Branch
from markets.models import Pair, PairApproval
from risk.domain.pairs import PairLimits
from risk.models import PairProfile
from trading import pair_gathering, pair_profiles
from trading.domain.pair_state import OPEN
from trading.models import PairTrade
from web.notes import note_of
from web.proofs import factor_of
from web.views import account_of, page_of, user_of

ANSWERS = ("approve", "refuse", "standard")
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
    bounds = PairProfile.objects.get(account=account).bounds()
    lines, league = pair.reading["lines"], pair.game.league
    settled = PairTrade.objects.filter(pair__game__league=league, settled_at__isnull=False)
    context |= _word(account, pair, bounds) | {
        "pair": pair,
        "matrix": _matrix(pair),
        "failed": [line for line in lines if not line["holds"]],
        "lines": lines,
        "terms": _terms(pair),
        "bounds": bounds,
        "can_accept": league in pair_profiles.STANDARD,
        "running": PairTrade.objects.filter(pair=pair, account=account, state__in=sorted(OPEN)),
        "earlier": settled.count(),
    }
    digest = pairing.digest_of(pair.pk, pair.rules_hash)
    context["factor"] = factor_of(
        request, is_needed=pairing.needs_factor(user_of(request)), digest=digest
    )
    return render(request, "web/dossier.html", context)


@login_required
@require_POST
def judge(request: HttpRequest, account_id: UUID, pair_id: int) -> HttpResponse:
    """Approve or refuse a pair, or accept the standard shape of its league, for one's accounts."""
    account, user, now = account_of(request, account_id), user_of(request), clock.database_now()
    pair = get_object_or_404(Pair.objects.select_related("game"), pk=pair_id)
    chosen = [name for name in ANSWERS if name in request.POST]
    try:
        if len(chosen) != 1:
            raise pairing.NotApproved(
                "Nothing was chosen, and nothing is recorded. Approve this pair, or refuse it."
            )
        if chosen == ["standard"]:
            league = pair.game.league
            pair_profiles.accept_standard(account=account, league=league, by=user, now=now)
            said = f"{account.name} trades standard {league} pairs from now on, unasked."
        else:
            said = _judge(request, pair, user, is_approved=chosen == ["approve"], now=now)
        messages.success(request, said)
    except (pairing.NotApproved, pair_profiles.NeverUnasked, factors.NotProved) as problem:
        messages.error(request, str(problem))
    return redirect("dossier", account.pk, pair.pk)


def _judge(
    request: HttpRequest, pair: Pair, user: User, *, is_approved: bool, now: datetime
) -> str:
    """Record a person's word on a pair; returns what happened. Raises NotApproved, NotProved."""
    shown, proof = request.POST.get("rules_hash", ""), None
    if is_approved and pairing.needs_factor(user):
        digests = [pairing.digest_of(pair.pk, shown)]
        proof = factors.prove(user, digests=digests, given=request.POST, now=now)
    pairing.approve(
        pair_id=pair.pk,
        user=user,
        is_approved=is_approved,
        shown=shown,
        note=note_of(request),
        now=now,
        proof=proof,
    )
    word = "approved" if is_approved else "refused"
    return f"You {word} this pair, for your accounts and these texts."


def _word(account: Account, pair: Pair, bounds: PairLimits) -> dict[str, Any]:
    """Return what the account's owner said of a pair, and whether it may be traded by that."""
    said = (
        PairApproval.objects.filter(pair=pair, user=account.owner_id)
        .select_related("user")
        .order_by("-at", "-pk")
    )
    last = said.first()
    is_current = last is not None and last.rules_hash == pair.rules_hash
    approved, frozen = pair_gathering.judged(pair, last, bounds)
    return {
        "said": said[:10],
        "changes": _changes(last, pair),
        "approved": approved,
        "by_rule": approved and not is_current,
        "frozen": frozen,
        "refused": last if last and is_current and not last.is_approved else None,
    }


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

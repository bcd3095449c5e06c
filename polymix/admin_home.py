"""The first page of the admin: what an approver, an operator and an administrator look at first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Avg, F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django_celery_beat.models import PeriodicTask

from accounts.models import Invitation, User, VenueCredential
from markets import clock
from markets.models import Feed, Pair
from notifications.models import Delivery
from polymix.admin_roles import role_of
from risk.models import BreakerTrip, KillSwitch
from trading import approvals
from trading.domain.order_state import OrderState
from trading.models import Approval, Order, PairTrade
from venues.words import dollars, duration

MOST = 15  # rows of each table
OLD_KEY = timedelta(days=180)
Table = dict[str, Any]


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the tables of the reader's role; unfold calls this for the admin's first page."""
    user = request.user
    assert isinstance(user, User)
    now = timezone.now()
    role = role_of(user)
    tables: list[Table] = []
    if role in ("approver", "admin"):
        tables += _approver(user, now)
    if role in ("operator", "admin"):
        tables += _operator(now)
    if role == "admin":
        tables += _admin(now)
    quiet = [each for each in tables if not each["table"]["rows"]]
    return context | {"role": role, "tables": tables, "quiet": quiet}


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> Table:
    return {"title": title, "empty": empty, "table": {"headers": headers, "rows": rows}}


def _link(name: str, *args: Any, text: Any) -> str:
    return format_html('<a href="{}">{}</a>', reverse(name, args=args), text)


def _approver(user: User, now: datetime) -> list[Table]:
    waiting = approvals.waiting_for(user).select_related("account", "outcome__market")
    today = Approval.objects.filter(at__gte=now - timedelta(days=1)).select_related("by", "order")
    wait = today.aggregate(wait=Avg(F("at") - F("order__created_at")))["wait"]
    expired = Order.objects.filter(
        reason__startswith="APPROVAL_EXPIRED", created_at__gte=now - timedelta(days=1)
    )
    return [
        _table(
            "To approve, the soonest first",
            ["Expires", "Account", "What", "At most"],
            [
                [
                    f"{each.expires_at:%H:%M:%S} UTC",
                    each.account.name,
                    _link("approval", each.pk, text=f"{each.side} {each.outcome}"),
                    dollars(each.worst_cost),
                ]
                for each in waiting.order_by("expires_at")[:MOST]
            ],
            "Nothing waits.",
        ),
        _table(
            f"Answered in the last day, after {duration(wait) if wait else '—'} on average; "
            f"{expired.count()} expired unanswered",
            ["At", "By", "Answer", "Order"],
            [
                [
                    f"{each.at:%H:%M:%S} UTC",
                    each.by.username,
                    each.answer,
                    _link("admin:trading_order_change", each.order_id, text=each.order),
                ]
                for each in today.order_by("-at")[:MOST]
            ],
            "Nobody was asked.",
        ),
    ]


def _operator(now: datetime) -> list[Table]:
    return [_feeds(), _doubts(now), _naked(), _tripped(now), _stopped(), _undelivered()]


def _doubts(now: datetime) -> Table:
    rows = Order.objects.filter(state__in=[OrderState.UNKNOWN, OrderState.MANUAL])
    return _table(
        "Orders in doubt, by age",
        ["Since", "Account", "State", "Order"],
        [
            [
                duration(now - each.created_at),
                each.account.name,
                each.state,
                _link("admin:trading_order_change", each.pk, text=each.outcome),
            ]
            for each in rows.select_related("account", "outcome__market").order_by("created_at")[
                :MOST
            ]
        ],
        "None.",
    )


def _naked() -> Table:
    rows = PairTrade.objects.filter(
        Q(unhedged_at__isnull=False) | Q(state="MANUAL"), settled_at=None
    )
    return _table(
        "Pairs with one side open",
        ["Account", "Game", "State"],
        [
            [
                each.account.name,
                _link("admin:trading_pairtrade_change", each.pk, text=each.game),
                each.state,
            ]
            for each in rows.select_related("account", "game").order_by("created_at")[:MOST]
        ],
        "None.",
    )


def _open_trips(now: datetime) -> QuerySet[BreakerTrip]:
    """Return trips that stop somebody: those of a row of losses stay until they are reset."""
    lately = Q(at__gte=now - timedelta(days=1)) | Q(kind="STREAK")
    return BreakerTrip.objects.filter(lately, reset_at=None)


def _tripped(now: datetime) -> Table:
    rows = _open_trips(now)
    return _table(
        "Breakers open",
        ["At", "Account", "Breaker", "Measured", "Limit"],
        [
            [f"{each.at:%H:%M}", each.account.name, each.kind, each.measured, each.limit]
            for each in rows.select_related("account").order_by("-at")[:MOST]
        ],
        "None.",
    )


def _stopped() -> Table:
    return _table(
        "Stops in force",
        ["Since", "What", "By", "Why"],
        [
            [f"{each.at:%d %b %H:%M}", f"{each.scope} {each.level}", each.by, each.why]
            for each in KillSwitch.objects.order_by("-at")[:MOST]
        ],
        "Nothing is stopped.",
    )


def _undelivered() -> Table:
    rows = Delivery.objects.filter(Q(state="FAILED") | Q(attempts__gt=0, state="WAITING"))
    return _table(
        "Deliveries that failed, or wait after a failure",
        ["Channel", "Event", "Tried", "Error"],
        [
            [str(each.channel), each.event.kind, each.attempts, each.error]
            for each in rows.select_related("channel", "event").order_by("-pk")[:MOST]
        ],
        "None.",
    )


def _feeds() -> Table:
    wall = clock.database_now()
    return _table(
        "Feeds",
        ["Feed", "State", "Silent for"],
        [
            [each.name, each.state, duration(max(wall - each.seen_at, timedelta(0)))]
            for each in Feed.objects.order_by("-started_at")[:5]
        ],
        "None: start one with make up.",
    )


def _admin(now: datetime) -> list[Table]:
    return [_without_factor(), _old_keys(now), _frozen(), _schedules(), _invited(now)]


def _without_factor() -> Table:
    with_factor = Authenticator.objects.filter(type__in=["totp", "webauthn"]).values("user")
    rows = User.objects.filter(is_active=True).exclude(pk__in=with_factor)
    return _table(
        "People without a second factor",
        ["Name", "Staff", "Last signed in"],
        [
            [each.username, "yes" if each.is_staff else "", each.last_login or "never"]
            for each in rows.order_by("-is_staff", "username")[:MOST]
        ],
        "Everybody has one.",
    )


def _old_keys(now: datetime) -> Table:
    rows = VenueCredential.objects.filter(removed_at=None, created_at__lt=now - OLD_KEY)
    return _table(
        "Keys older than half a year",
        ["Account", "Venue", "Since"],
        [
            [each.account.name, each.venue, f"{each.created_at:%d %b %Y}"]
            for each in rows.select_related("account").order_by("created_at")[:MOST]
        ],
        "None.",
    )


def _frozen() -> Table:
    rows = Pair.objects.exclude(frozen_why="").select_related("game").order_by("-changed_at")
    return _table(
        "Pairs frozen by a change",
        ["Game", "Why"],
        [[str(each.game), each.frozen_why] for each in rows[:MOST]],
        "None.",
    )


def _schedules() -> Table:
    rows = PeriodicTask.objects.select_related("interval").order_by("name")
    return _table(
        "Schedules",
        ["Task", "Every", "Ran", "On"],
        [
            [
                _link("admin:django_celery_beat_periodictask_change", each.pk, text=each.name),
                str(each.interval),
                each.last_run_at or "not yet",
                "yes" if each.enabled else "no",
            ]
            for each in rows[:MOST]
        ],
        "None yet: beat makes them when it starts.",
    )


def _invited(now: datetime) -> Table:
    rows = Invitation.objects.open(now=now).order_by("-made_at")
    return _table(
        "Invitations open",
        ["For", "By", "Until"],
        [[each.note or "—", each.by, f"{each.expires_at:%d %b %H:%M}"] for each in rows[:MOST]],
        "None.",
    )


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's first part: what a role looks at, with counts of what waits."""
    user = request.user
    assert isinstance(user, User)
    items: list[dict[str, Any]] = [
        {"title": "Overview", "icon": "home", "link": reverse("admin:index")},
        {
            "title": "Approvals",
            "icon": "task_alt",
            "link": reverse("approvals"),
            "badge": approvals.waiting_for(user).count(),
        },
    ]
    if user.has_perm("trading.view_order"):
        items.append(
            {
                "title": "In doubt",
                "icon": "help",
                "link": reverse("admin:trading_order_changelist") + "?state__exact=MANUAL",
                "badge": Order.objects.filter(state=OrderState.MANUAL).count(),
            }
        )
    if user.has_perm("risk.view_breakertrip"):
        items.append(
            {
                "title": "Breakers",
                "icon": "electric_bolt",
                "link": reverse("admin:risk_breakertrip_changelist"),
                "badge": _open_trips(timezone.now()).count(),
            }
        )
    if user.has_perm("django_celery_beat.view_periodictask"):
        link = reverse("admin:django_celery_beat_periodictask_changelist")
        items.append({"title": "Schedules", "icon": "schedule", "link": link})
    return [{"title": "Now", "items": items}]

"""What members of staff may do: groups that are made once, and can be given more by hand."""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from accounts.models import User

ROLES = {
    # name: what it may see, and change; money tables have no forms for anybody
    "approver": ("accounts.answer_for_all", "trading.view_order", "trading.view_approval"),
    "operator": (
        *(f"trading.view_{name}" for name in ("order", "orderevent", "pairtrade", "fill")),
        *(f"risk.view_{name}" for name in ("riskstate", "breakertrip", "killswitch")),
        "risk.add_killswitch",
        "notifications.view_event",
        "notifications.view_delivery",
        "notifications.view_channel",
        "markets.view_feed",
        "django_celery_beat.view_periodictask",
    ),
}


def make_roles() -> None:
    """Make the groups of staff with what they may do. Safe to repeat; more can be given by hand."""
    for name, codes in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        found = Q()
        for code in codes:
            app, _, codename = code.partition(".")
            found |= Q(content_type__app_label=app, codename=codename)
        group.permissions.add(*Permission.objects.filter(found))


def role_of(user: User) -> str:
    """Return the role whose page a member of staff sees."""
    if user.is_superuser:
        return "admin"
    names = set(user.groups.values_list("name", flat=True))
    return "operator" if "operator" in names else "approver" if "approver" in names else "user"

"""Events and how they reached people, in the admin: to read."""

from django.contrib import admin

from accounts.admin import Exportable, ReadOnly
from notifications.models import Channel, Delivery, Event


@admin.register(Event)
class EventAdmin(Exportable):
    ordering = ["-at"]
    list_display = ["at", "level", "kind", "account", "sentence", "by", "seen_by"]
    list_filter = ["level", "kind"]
    date_hierarchy = "at"


@admin.register(Channel)
class ChannelAdmin(ReadOnly):
    """Addresses are sealed: not even staff reads them."""

    list_display = ["user", "kind", "name", "failing_since", "last_error", "last_sent_at"]
    list_filter = ["kind"]
    fields = ["user", "kind", "name", "wants", "created_at", "removed_at", "failing_since"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    ordering = ["-pk"]
    list_display = ["channel", "event", "state", "attempts", "due_at", "sent_at", "error"]
    list_filter = ["state"]
    list_select_related = ["channel", "event"]

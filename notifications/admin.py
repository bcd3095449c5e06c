"""Events in the admin."""

from django.contrib import admin

from accounts.admin import ReadOnly
from notifications.models import Event


@admin.register(Event)
class EventAdmin(ReadOnly):
    ordering = ["-at"]
    list_display = ["at", "level", "kind", "account", "sentence", "by"]
    list_filter = ["level", "kind"]
    date_hierarchy = "at"

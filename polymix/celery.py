"""The Celery application: a broker for ids, never a queue of record."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "polymix.settings")

app = Celery("polymix")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

"""ASGI entry point, served by uvicorn."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "polymix.settings")
os.environ.setdefault("DATABASE_CONN_MAX_AGE", "0")

application = get_asgi_application()

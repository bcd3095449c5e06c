"""A person's app: calls with a token, and with keys of its own making."""

from uuid import uuid4

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User
from tests.web.test_approvals import running
from tests.world import World


class App(APIClient):
    """Signs in as one user; every unsafe call of money carries a fresh key."""

    def of(self, user: User) -> "App":
        self.credentials(HTTP_AUTHORIZATION=f"Bearer {RefreshToken.for_user(user).access_token}")
        return self

    def keyed(self, path: str, data=None, *, key: str = "", **extra):
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self.post(path, data or {}, format="json", headers=headers, **extra)


@pytest.fixture
def app(world: World) -> App:
    cache.clear()
    running(world)
    return App().of(world.owner)


@pytest.fixture
def eve(world: World) -> App:
    """Another person of this server."""
    return App().of(User.objects.create_user("eve", password="not-a-secret-2026"))

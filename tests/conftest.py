"""Fixtures that every test may use."""

import socket
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import TransactionTestCase, override_settings
from hypothesis import HealthCheck, settings

from tests.world import World

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"

settings.register_profile("suite", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """Hash passwords the quick way: the real one takes a tenth of a second on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def own_cache(worker_id):
    """Give each worker a cache of its own: one that clears it must not clear another's."""
    number = 1 + int(worker_id.removeprefix("gw") or 0) if worker_id != "master" else 0
    place = {
        **django_settings.CACHES["default"],
        "LOCATION": f"{django_settings.REDIS_URL}?db={number}",
    }
    with override_settings(CACHES={"default": place}):
        yield


@pytest.fixture(scope="session", autouse=True)
def codes_that_may_change():
    """Take an authenticator's code of the 30 seconds before too, so that no test waits for one."""
    with override_settings(MFA_TOTP_TOLERANCE=1):
        yield


# These take longest: begun first, in this order, they are not what other workers wait for last.
FIRST = ("tests/test_up.py", "tests/backtest/test_replay.py", "tests/flows/test_watching.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(FIRST)))


KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # as migrations left them


@pytest.fixture(scope="session", autouse=True)
def quick_flushes():
    """Empty the tables that a test filled, and no others: to truncate all of them after each test,
    and to make their permissions again, takes longer than most tests.
    """
    whole = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda case: empty() or whole(case)
    yield
    TransactionTestCase._fixture_teardown = whole


def empty() -> bool:
    """Empty the tables that are filled; tells whether this user may."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        if not cursor.fetchone()[0]:
            return False  # only a superuser may pass by the triggers that keep history
        names = connection.introspection.django_table_names(only_existing=True, include_views=False)
        tables = sorted(set(names) - KEPT)
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{t}' WHERE EXISTS (SELECT FROM {t})" for t in tables)
        )
        filled = [row[0] for row in cursor.fetchall()]
        cursor.execute("SET session_replication_role = replica")
        for table in filled:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SET session_replication_role = DEFAULT")
    return True


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


@pytest.fixture
def world(transactional_db, now) -> World:
    """An account on the default preset that follows one whale of one market."""
    return World(now=now, starting_balance=Decimal(10000))


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the folder shared/ is not beside the project")
    return SHARED


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Refuse every socket that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)

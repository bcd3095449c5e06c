"""The schema is the truth: whatever is sent, no answer is a crash, and none is undocumented."""

import pytest
import schemathesis
from django.core.cache import cache
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from drf_spectacular.generators import SchemaGenerator
from hypothesis import Phase, given, settings
from rest_framework_simplejwt.tokens import RefreshToken
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.test_approvals import running
from tests.world import World
from trading.models import Decision, Entry, Order, Position
from whales.models import Follow, Signal, Whale

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
# Words that begin a path, and the rows whose ids make it lead somewhere.
REAL = {
    "orders": Order,
    "approvals": Order,
    "positions": Position,
    "decisions": Decision,
    "ledger": Entry,
    "follows": Follow,
    "signals": Signal,
    "whales": Whale,
}


@pytest.fixture
def api(world: World):
    """The API over a world with something in each list, and a token for its owner."""
    cache.clear()
    running(world)
    world.buy()
    token = RefreshToken.for_user(world.owner).access_token
    headers = {"Authorization": f"Bearer {token}"}
    freely = dict.fromkeys(("API_READS", "API_WRITES", "API_SIGN_INS"), "100000/minute")
    with override_settings(**freely):
        made = schemathesis.openapi.from_wsgi(
            "/api/schema/?format=json", get_wsgi_application(), headers=headers
        )
        made.config.update(headers=headers)
        yield made


def real_id(path: str, world: World) -> str:
    part = path.removeprefix("/api/v1/").partition("/")[0]
    row = REAL[part].objects.first() if part in REAL else world.account
    return str(row.pk) if row else "1"


def resources() -> dict[str, list[tuple[str, str]]]:
    """Return every call that the schema describes, path and method, by resource."""
    told = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, list[tuple[str, str]]] = {}
    for path, calls in told["paths"].items():
        for method, call in calls.items():
            found.setdefault(call["tags"][0], []).append((path, method))
    return found


RESOURCES = resources()


def send_anything(operation, known: str) -> None:
    """Send what the schema allows, and what it does not, mostly to a row that is there."""

    @given(case=operation.as_strategy())
    @settings(max_examples=5, deadline=None, derandomize=True, phases=[Phase.generate])
    def send(case):
        for name in {"id", "account_id"} & set(case.path_parameters):
            if len(str(case.path_parameters[name])) % 3:
                case.path_parameters[name] = known
        case.call_and_validate(checks=CHECKS)

    send()


@pytest.mark.parametrize("resource", RESOURCES)
def test_whatever_is_sent_is_answered_as_the_schema_says(api, world: World, resource):
    for path, method in RESOURCES[resource]:
        send_anything(api[path][method], real_id(path, world))


def test_the_schema_is_written_without_a_doubt():
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")

"""Pages by the last row that was seen: rows that arrive meanwhile neither repeat nor hide one."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

PAGE, MOST = 50, 500


class Newest(BasePagination):
    """One page, and the address of the next; a view's `ordering` is one field, then its key.

    Both go the same way, so that a row's place is after every row that was seen.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self._at, self._ordering = request.build_absolute_uri(), view.ordering
        size = _size(request.query_params.get("page_size", ""))
        rows = queryset.order_by(*self._ordering)
        cursor = request.query_params.get("cursor")
        if cursor:
            rows = _after(rows, _read(cursor), self._ordering)
        found = list(rows[: size + 1])
        self._more = len(found) > size
        self._last = found[size - 1] if self._more else None
        return found[:size]

    def get_paginated_response(self, data: Any) -> Response:
        following = None
        if self._last is not None:
            cursor = _write(self._last, self._ordering)
            following = replace_query_param(self._at, "cursor", cursor)
        return Response({"next": following, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {"type": "string", "nullable": True, "format": "uri"},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE}
        return [
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
            {"name": "page_size", "in": "query", "required": False, "schema": size},
        ]


def _size(text: str) -> int:
    return min(max(int(text), 1), MOST) if text.isdecimal() and len(text) < 9 else PAGE


def _after(rows: QuerySet[Any], seen: Sequence[str], ordering: Sequence[str]) -> QuerySet[Any]:
    word = "lt" if ordering[0].startswith("-") else "gt"
    names = [each.lstrip("-") for each in ordering]
    try:
        if len(names) == 1:
            return rows.filter(**{f"{names[0]}__{word}": seen[0]})
        (field, key), (value, pk) = names, seen
        same = Q(**{field: value, f"{key}__{word}": pk})
        return rows.filter(Q(**{f"{field}__{word}": value}) | same)
    except (ValueError, ValidationError, TypeError, IndexError):
        raise NotFound("This cursor is none of ours. Begin with the first page.") from None


def _write(row: Model, ordering: Sequence[str]) -> str:
    values = [getattr(row, each.lstrip("-")) for each in ordering]
    told = [v.isoformat() if hasattr(v, "isoformat") else str(v) for v in values]
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def _read(cursor: str) -> list[str]:
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        told = None
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise NotFound("This cursor is none of ours. Begin with the first page.")
    return told

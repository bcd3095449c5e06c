"""The Data API's pages: v2 (snake_case, wrapped, with a cursor) and the retired v1 (bare lists)."""

import base64
import binascii
from typing import Any

from starlette.requests import Request

MOST = 1000
DEFAULT = 100

Row = dict[str, Any]
OLD_NAMES = {  # of v1, where camelCase of the new name is not it
    "token_id": "asset",
    "condition_id": "conditionId",
    "usdc_size": "usdcSize",
}


class BadQuestion(Exception):
    """A parameter that is none; the name of it and the words."""

    def __init__(self, parameter: str, words: str) -> None:
        super().__init__(words)
        self.parameter = parameter


def seconds(text: str | None, name: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise BadQuestion(name, f"{name} is a time in seconds")
    return int(text)


def _bounds(request: Request) -> tuple[int, int]:
    query = request.query_params
    limit, offset = query.get("limit", str(DEFAULT)), query.get("offset", "0")
    if not limit.isdecimal() or len(limit) > 9 or not 1 <= int(limit) <= MOST:
        raise BadQuestion("limit", f"limit lies between 1 and {MOST}")
    cursor = query.get("cursor", "")
    if cursor:
        try:
            offset = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
            int(offset)
        except (binascii.Error, ValueError):
            raise BadQuestion("cursor", "that is no cursor of ours") from None
    if not offset.isdecimal() or len(offset) > 9:
        raise BadQuestion("offset", "offset is a whole number")
    return int(limit), int(offset)


def page(rows: list[Row], request: Request) -> Row:
    limit, offset = _bounds(request)
    more = offset + limit < len(rows)
    pages: Row = {"limit": limit, "offset": offset, "has_more": more}
    if more:
        pages["next_cursor"] = base64.urlsafe_b64encode(str(offset + limit).encode()).decode()
    return {"data": rows[offset : offset + limit], "pagination": pages}


def old_list(rows: list[Row], request: Request) -> list[Row]:
    limit, offset = _bounds(request)
    return [old_row(row) for row in rows[offset : offset + limit]]


def old_row(row: Row) -> Row:
    """Return a row with the names that the first version gave."""
    return {_old_name(name): cell for name, cell in row.items()}


def _old_name(name: str) -> str:
    if name in OLD_NAMES:
        return OLD_NAMES[name]
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)

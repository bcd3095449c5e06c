"""Shapes of columns that the tables of this app share."""

from typing import Any

from venues.types import Side

MONEY: dict[str, Any] = {"max_digits": 20, "decimal_places": 6}
# Of tables that grow with every decision: an index of its own would only cost, because another
# index begins with the column or nothing looks rows up by it ...
UNINDEXED: dict[str, Any] = {"db_index": False}
# ... and what a referenced row already proves is not checked twice.
REPEATED: dict[str, Any] = {"db_index": False, "db_constraint": False}
SIDES = [(side.value, side.value) for side in Side]

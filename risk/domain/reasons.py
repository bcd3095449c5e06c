"""Why a trade was refused: the code for filters and the API, the rest for people (ux.md 6)."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    RULES = "S"  # your rules did their job
    BLOCKED = "B"  # blocked for now
    ACT = "A"  # you must act


class Reason(StrEnum):
    COPIED = "COPIED"
    EXIT_COPIED = "EXIT_COPIED"
    CLOSED_BY_HAND = "CLOSED_BY_HAND"
    NO_EDGE = "NO_EDGE"
    TOO_SMALL = "TOO_SMALL"
    CONFIDENCE_LOW = "CONFIDENCE_LOW"
    WHALE_QUALITY = "WHALE_QUALITY"
    WHALE_UNPROVEN = "WHALE_UNPROVEN"
    PRICE_MOVED = "PRICE_MOVED"
    SIGNAL_OLD = "SIGNAL_OLD"
    DUPLICATE = "DUPLICATE"
    OWN_WALLET = "OWN_WALLET"
    FOLLOW_FILTER = "FOLLOW_FILTER"
    MARKET_CLOSED = "MARKET_CLOSED"
    CASH_SHORT = "CASH_SHORT"
    LIMIT_POSITION = "LIMIT_POSITION"
    LIMIT_POSITIONS = "LIMIT_POSITIONS"
    LIMIT_MARKET = "LIMIT_MARKET"
    LIMIT_CATEGORY = "LIMIT_CATEGORY"
    LIMIT_TOTAL = "LIMIT_TOTAL"
    LIMIT_DAILY_TRADES = "LIMIT_DAILY_TRADES"
    BREAKER_DAILY = "BREAKER_DAILY"
    BREAKER_HOURLY = "BREAKER_HOURLY"
    BREAKER_STREAK = "BREAKER_STREAK"
    LOSS_ROOM = "LOSS_ROOM"
    STOPPED = "STOPPED"
    LIVE_OFF = "LIVE_OFF"
    PAPER_OFF = "PAPER_OFF"
    FACTS_MISSING = "FACTS_MISSING"
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED"
    APPROVAL_STALE = "APPROVAL_STALE"
    DECLINED = "DECLINED"
    NOTHING_TO_SELL = "NOTHING_TO_SELL"
    PAIR_TRADED = "PAIR_TRADED"
    PAIR_HEDGED = "PAIR_HEDGED"
    PAIR_UNWOUND = "PAIR_UNWOUND"
    PAIR_UNAPPROVED = "PAIR_UNAPPROVED"
    PAIR_CHANGED = "PAIR_CHANGED"
    PAIR_WORST = "PAIR_WORST"
    EDGE_TOO_GOOD = "EDGE_TOO_GOOD"
    EDGE_SMALL = "EDGE_SMALL"
    EDGE_BRIEF = "EDGE_BRIEF"
    DEPTH_SHORT = "DEPTH_SHORT"
    GAME_BUSY = "GAME_BUSY"
    LEG_OPEN = "LEG_OPEN"
    OTHER_CASH = "OTHER_CASH"
    EXCLUDED = "EXCLUDED"
    BOOK_OLD = "BOOK_OLD"
    VENUE_PAUSE = "VENUE_PAUSE"
    STILL_SETTLING = "STILL_SETTLING"
    KEY_MISSING = "KEY_MISSING"


BLOCKED = {
    Reason.BREAKER_DAILY,
    Reason.BREAKER_HOURLY,
    Reason.STOPPED,
    Reason.LIVE_OFF,
    Reason.PAPER_OFF,
    Reason.FACTS_MISSING,
    Reason.EDGE_TOO_GOOD,
    Reason.LEG_OPEN,
    Reason.BOOK_OLD,
    Reason.VENUE_PAUSE,
    Reason.STILL_SETTLING,
}
ACT = {
    Reason.BREAKER_STREAK,
    Reason.PAIR_UNAPPROVED,
    Reason.PAIR_CHANGED,
    Reason.OTHER_CASH,
    Reason.KEY_MISSING,
}
ADVICE = {
    Reason.NO_EDGE: "Nothing. A lower price or a better record changes it.",
    Reason.TOO_SMALL: ("See which factor cut it; lower the minimum if fees still make sense."),
    Reason.CONFIDENCE_LOW: "Open the parts before lowering the bar.",
    Reason.WHALE_QUALITY: "Open the whale before lowering the bar.",
    Reason.WHALE_UNPROVEN: "Wait, or set figures by hand on the follow (marked ASSUMED).",
    Reason.PRICE_MOVED: (
        "If this is the usual reason, this whale is costly to copy: see its copy cost."
    ),
    Reason.SIGNAL_OLD: "If frequent: run doctor and look at the feed's age.",
    Reason.DUPLICATE: "Open the first decision.",
    Reason.OWN_WALLET: "Remove the follow.",
    Reason.FOLLOW_FILTER: "Edit the follow.",
    Reason.MARKET_CLOSED: "Nothing.",
    Reason.CASH_SHORT: "Add money, close something, or wait for orders to end.",
    Reason.LIMIT_POSITION: "Nothing, or raise the limit in Risk.",
    Reason.LIMIT_POSITIONS: "Close something or raise the limit in Risk.",
    Reason.LIMIT_MARKET: "Close something or raise the limit in Risk.",
    Reason.LIMIT_CATEGORY: "Close something or raise the limit in Risk.",
    Reason.LIMIT_TOTAL: "Close something or raise the limit in Risk.",
    Reason.LIMIT_DAILY_TRADES: "Starts again at 00:00 UTC.",
    Reason.BREAKER_DAILY: "Wait for 00:00 UTC, or reset it by hand.",
    Reason.BREAKER_HOURLY: "Wait for the next hour, or reset it by hand.",
    Reason.BREAKER_STREAK: "Look at the losses, then reset it by hand.",
    Reason.LOSS_ROOM: "Nothing, or a smaller size.",
    Reason.STOPPED: "Start again, or ask who stopped it.",
    Reason.LIVE_OFF: "An administrator sets LIVE_TRADING; paper works.",
    Reason.PAPER_OFF: "An administrator sets PAPER_TRADING_ENABLED.",
    Reason.FACTS_MISSING: "Wait; run doctor if it lasts.",
    Reason.APPROVAL_EXPIRED: "Use a longer window, or a second approver.",
    Reason.APPROVAL_STALE: "Read the new figures; the next trade asks again.",
    Reason.NOTHING_TO_SELL: "Nothing.",
    Reason.PAIR_UNAPPROVED: "Read the dossier; approve.",
    Reason.PAIR_CHANGED: "Read the dossier; approve, or approve again.",
    Reason.PAIR_WORST: "Smaller size or another limit.",
    Reason.EDGE_TOO_GOOD: "A person checks the dossier and both books.",
    Reason.EDGE_SMALL: "Nothing.",
    Reason.EDGE_BRIEF: "Nothing.",
    Reason.DEPTH_SHORT: "Nothing, or a smaller bet.",
    Reason.GAME_BUSY: "Open that trade.",
    Reason.LEG_OPEN: "Open that trade.",
    Reason.OTHER_CASH: "Move cash on Kalshi, or add some.",
    Reason.EXCLUDED: "Edit pair settings.",
    Reason.BOOK_OLD: "Wait; run doctor if it lasts.",
    Reason.VENUE_PAUSE: "Wait.",
    Reason.STILL_SETTLING: "Wait: the chain settles within moments.",
    Reason.KEY_MISSING: "Open Keys: the page shows which venue has none.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    reason: Reason
    sentence: str


def kind(reason: Reason) -> Kind:
    if reason in ACT:
        return Kind.ACT
    return Kind.BLOCKED if reason in BLOCKED else Kind.RULES

"""The nine words of money, each with one definition (ux.md 1.2), and a few more."""

WORDS = {
    "cash": ("Cash", "Dollars on the account, those held for orders included."),
    "reserved": ("Reserved", "The part of cash that is held for orders on their way."),
    "open-cost": ("Open cost", "What the shares held now have cost, fees included."),
    "worth-now": (
        "Worth now",
        "What the best bids would pay for the shares; without a fresh bid the last trade, "
        "which is then marked with its age.",
    ),
    "unrealised": ("Unrealised", "Worth now less open cost."),
    "realised": ("Realised", "Result of what was sold or settled, after fees."),
    "total": ("Total", "Realised plus unrealised, since the account was opened."),
    "equity": ("Equity", "Cash plus worth now."),
    "most-it-can-cost": (
        "Most it can cost",
        "The limit times the shares plus the fee at that limit: what is held for an order.",
    ),
    "sandbox": (
        "SANDBOX",
        "Both exchanges, their games, whales and prices are invented and run on this machine. "
        "Nothing here says anything about a real market.",
    ),
    "assumed": (
        "ASSUMED",
        "The whale's figures were set by hand for this replay. They were not earned: a short "
        "recording cannot prove a whale.",
    ),
    "drawdown": ("Drawdown", "How far equity is under its highest mark, in percent of that mark."),
    "breaker": (
        "Breaker",
        "Stops new buying after a loss: of the UTC day, of the hour, or several in a row. "
        "Selling goes on.",
    ),
}

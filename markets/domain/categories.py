"""What kind of question a market asks, guessed from its title."""

CATEGORY_WORDS = (
    ("Politics", ("senate", "governor", "house", "president", "election", "nominee", "republican")),
    ("Crypto", ("bitcoin", "btc", "ethereum", "eth-", "solana", "xrp", "crypto")),
    ("Sports", ("nba", "nfl", "nhl", "mlb", "ucl", " vs. ", "win on 20", "super bowl")),
)


def category_of(title: str) -> str:
    """Guess a category from a market's title, where the source names none."""
    lowered = title.lower().replace("_", " ")
    for category, words in CATEGORY_WORDS:
        if any(word in lowered for word in words):
            return category
    return "Other"

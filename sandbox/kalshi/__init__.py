"""Kalshi's trade API v2 as a local server (reference: Kalshi OpenAPI 3.34.0)."""

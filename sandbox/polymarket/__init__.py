"""Polymarket's exchange, catalogue and chain as local servers."""

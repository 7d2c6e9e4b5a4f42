"""Polymarket: its wire, its signatures, its markets and its chain."""

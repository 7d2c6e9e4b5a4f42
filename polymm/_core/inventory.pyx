"""Inventory terms of the base strategy for Python: scalars in, scalars out, and columns."""

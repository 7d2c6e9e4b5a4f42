"""Depth analysis for Python: of a book, of plain levels, and of columns of books at once."""

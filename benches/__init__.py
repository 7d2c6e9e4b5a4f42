"""Measure polymm beside what a user would pick instead, in one run on one machine.

``core`` times each kernel through its public call (pytest-benchmark); ``peers`` holds the
contenders; ``python -m benches``, or ``polymm bench``, interleaves them and prints the tables.
"""

"""What holds for every test: warnings are errors (pyproject.toml), random input is repeatable."""

from hypothesis import settings

# A failure must come back on the next run and on another machine, and a slow machine is no failure.
settings.register_profile("polymm", derandomize=True, deadline=None, database=None)
settings.load_profile("polymm")

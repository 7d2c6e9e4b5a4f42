"""One bench for each kernel, through its public call: ``pytest benches/core``.

Inputs have the recorded sizes, set-up stays outside the timed call. Use these to look at one
kernel before and after a change, back to back on one machine; ``python -m benches`` compares.
"""

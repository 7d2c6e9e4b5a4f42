"""The backtest beside hftbacktest and a bare C loop: ``python -m benches.backtest``."""

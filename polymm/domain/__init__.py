"""What the trading domain is made of: markets, orders, inventory, tapes. Plain values, no I/O."""

"""What a user would pick instead of polymm, and polymm's own rows beside it."""

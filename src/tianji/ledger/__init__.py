"""What every request cost: a journal beside it, rows in the database, sums of them, and proof that they agree."""

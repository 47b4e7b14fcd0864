"""Answers that are watched: whole, piece by piece, or given earlier, they wait until everybody has judged them."""

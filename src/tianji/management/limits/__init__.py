"""What keys and people are held to: budgets, tags, and the bounds that a child takes from its parent."""

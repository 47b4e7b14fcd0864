"""What a worker does besides serving: checks, renewals, budgets of deployments, and what it looks after."""

"""How many tokens a request has: exact where the model's encoding is known, else an estimate that says so."""

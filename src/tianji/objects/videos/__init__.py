"""Videos: made at a deployment of their model, each maker asked in its own way, and found again by their ids."""

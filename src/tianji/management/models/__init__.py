"""Models and their deployments, as the database keeps them and as callers may see them."""

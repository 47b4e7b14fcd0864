"""Paths that lead to an upstream as they are: a provider's own API, or whatever the configuration names."""

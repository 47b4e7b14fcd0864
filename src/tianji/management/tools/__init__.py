"""Servers of tools that the database adds to the configuration."""

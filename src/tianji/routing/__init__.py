"""Decisions about which deployment serves a request, over plain data and without input or output."""

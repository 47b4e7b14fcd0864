"""Requests that come many at a time: in a file, in one body, or as part of a form."""

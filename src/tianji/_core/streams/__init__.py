"""Streamed answers, passed through or told in another form."""

"""Answers to requests that mean the same: what is compared, by which vectors, and where these are kept."""

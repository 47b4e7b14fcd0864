"""Bytes from clients become exchanges, and a route decides who answers them."""

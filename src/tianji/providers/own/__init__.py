"""Providers that need more than a row of the table: a file each, with `NAMES` and `build`."""

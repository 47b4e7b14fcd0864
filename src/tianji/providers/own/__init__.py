"""Providers that need more than a row of the table: a file each, with `build`; `modules` has their names."""

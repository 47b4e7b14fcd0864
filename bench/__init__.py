"""How fast the gateway is: one command, one table, one plot. `python -m bench`, or `make bench`."""

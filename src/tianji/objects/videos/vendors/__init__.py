"""Makers whose videos are tasks of a form of their own: a file each, with a class that says how they are asked."""

"""Searches of the web: what is asked, who is asked, one file each, and how a model's own searches are made here."""

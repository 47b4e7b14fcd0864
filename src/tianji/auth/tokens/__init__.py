"""Callers by tokens of an identity provider: keys, signatures, claims, and who they make of somebody here.

Nothing of it is loaded before a token comes.
"""

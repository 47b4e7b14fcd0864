"""Accounts that several destinations are told with: who signs, and where they lie."""

"""How much a caller may have: the limits that a request is held against, and what a refusal says."""

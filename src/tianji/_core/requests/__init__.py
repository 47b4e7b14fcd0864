"""One request on its way: what it asks for, its attempts, and how it ends."""

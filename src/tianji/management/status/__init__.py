"""How the gateway does, and what it offers: health, metrics, the cache of answers, its own description."""

"""Who is told of requests, and how: events out of the journals, sent in batches to whoever the configuration names."""

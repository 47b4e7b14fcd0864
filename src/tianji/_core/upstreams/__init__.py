"""HTTP with upstreams: connections, pools, bodies that are too large to hold, and who receives an answer."""

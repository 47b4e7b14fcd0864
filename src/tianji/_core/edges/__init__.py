"""What serves clients: connections and requests of Granian and of the native edge, and what both have in common."""

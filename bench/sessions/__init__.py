"""What WebSocket sessions cost: latency and CPU of a message, memory of a session, and how they end."""

"""Google's Live API: conversations over a WebSocket, in its own form, and as OpenAI's realtime clients hold them."""

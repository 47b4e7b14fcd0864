"""Conversations over WebSockets (OpenAI's realtime API): who may begin one, with whom, how long, and what it costs."""

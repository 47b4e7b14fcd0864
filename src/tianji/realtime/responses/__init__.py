"""The Responses API over WebSockets: on those of clients, and on those of upstreams."""

"""What is said over WebSockets, and calls over WebRTC."""

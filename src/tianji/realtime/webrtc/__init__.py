"""Calls over WebRTC: offered, heard along, and ended."""

"""Tools of MCP servers for a caller: which he may use, how they are called for him, and what that costs him."""

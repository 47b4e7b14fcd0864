"""Forms that a single vendor or server speaks, one module each: `outbound(request, target)` writes it."""

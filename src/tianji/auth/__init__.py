"""Who is calling, and whether he may."""

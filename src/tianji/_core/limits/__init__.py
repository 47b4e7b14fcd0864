"""What callers may have, and what they are held against."""

"""What lies in vector stores of callers, found there for models whose providers cannot look into them."""

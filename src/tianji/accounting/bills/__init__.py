"""What providers bill, beside what the books say of them."""

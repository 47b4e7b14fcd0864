"""Changes to bodies on their way to an upstream, as rules of the table name them."""

"""Finding things in texts: many at once, and in time that grows as the text does, whatever is looked for."""

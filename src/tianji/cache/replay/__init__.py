"""A whole answer becomes the stream that says the same, and a stream the whole answer: one module a form of answers."""

"""What the events of each form of streams say, and how a stream of that form is ended early: one module a form."""

"""How a stream waits for guardrails: events are held until a clean scan covers them. No input, no output, no clock.

`stream.Stream` takes an answer's bytes and gives those that may go out; between the two it asks (`questions`), and
whoever runs the guardrails tells it what they said (`judged`).
"""

"""Memory of a gateway: idle, with many large requests held at once, and over many mixed ones.

python -m bench memory --help
"""

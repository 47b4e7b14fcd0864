"""People who sign in with an identity provider: away to it, back with a code, and a session for who comes back."""

"""What LiteLLM keeps in its database, taken over into ours, and a report of what was left out."""

"""What else the database adds to the configuration: callbacks, guardrails, prompts, endpoints, stores."""

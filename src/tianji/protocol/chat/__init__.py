"""The hub: a chat request and its answer in OpenAI's form, between what clients speak and what upstreams speak."""

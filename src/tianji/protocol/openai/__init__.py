"""OpenAI's chat form on the wire: the hub's own, with what stands beside it and what upstreams get wrong."""

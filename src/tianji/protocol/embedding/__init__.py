"""Embeddings: OpenAI's form (https://platform.openai.com/docs/api-reference/embeddings), and those of vendors."""

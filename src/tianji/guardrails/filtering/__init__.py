"""The content filter: expressions, words and categories of harm, put together and looked for in one go."""

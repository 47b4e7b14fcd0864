"""Routes of the model calls, and of what programs ask for beside them: stored answers, token counts, searches."""

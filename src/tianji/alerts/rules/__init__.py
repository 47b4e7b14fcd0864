"""The rules: each is told what happened and when, and says what there is to tell. None reads a clock or a file."""

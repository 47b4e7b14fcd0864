"""What guardrails look at in each body, and how a body is written when they have changed it: one module a form.

A form is found by the name of its operation (`of`). What it does not know is read all the same, leaf by leaf: nothing
goes through unread, and what cannot be read is refused.
"""

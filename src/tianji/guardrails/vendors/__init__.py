"""The types of guardrails, one module each that exports TYPE, or PRESETS for those that are others with other values.

A type is found by the name of its module alone: nothing else lists it.
"""

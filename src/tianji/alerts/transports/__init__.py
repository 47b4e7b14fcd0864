"""The channels: one module each, which writes an alert as its receiver wants it."""

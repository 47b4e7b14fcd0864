"""The audit log: what management changed, who did, and who is told of it."""

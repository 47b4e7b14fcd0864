"""The categories of the content filter, one YAML file each, found by their names."""

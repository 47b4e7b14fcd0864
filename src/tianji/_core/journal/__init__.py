"""What is kept of requests: priced, written into journals, and summed up."""

"""What deployments show their upstreams: keys, signatures, and tokens that are had for something else."""

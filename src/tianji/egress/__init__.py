"""The one door out: names are resolved, addresses checked and connections made here and nowhere else."""

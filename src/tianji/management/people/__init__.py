"""Users, teams, organizations, projects and customers, and who of them may see or change what."""

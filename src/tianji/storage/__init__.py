"""What is kept beyond the process: tables with their migrations, and what machines share through Valkey or Redis."""

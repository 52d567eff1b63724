"""Real processes, killed, suspended and restarted at random: `make chaos MINUTES=5`, `python -m tests.chaos.failover`."""

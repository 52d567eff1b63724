"""The API server in memory: objects with versions and history, server-side apply, watches, simulated controllers."""

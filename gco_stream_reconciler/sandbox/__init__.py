"""An embedded environment for the demo and the tests: a Kubernetes API server in memory, and AWS by moto.

Guarantees
    * Real HTTP on loopback. What the controller says to it, it could say to a real API server.
    * No product code is imported: a mistake made in both would hide itself.

Not here
    * Authentication, admission, versions of a kind beyond the one used, persistence.
"""

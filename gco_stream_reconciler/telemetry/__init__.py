"""What operators see: logs, metrics, probes.

Guarantees
    * One log line is one event; text of a user cannot forge a second one. The libraries' logs take the same way.
    * Label values of metrics are bounded: no endpoint name, no error text.
    * `/readyz` says why not, as JSON.

Not here
    * What is worth measuring: each package defines an observer, `Metrics` satisfies it.
"""

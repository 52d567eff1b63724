"""What operators see: logs, metrics, probes.

Guarantees
    * One log line is one event; text of a user cannot forge a second one. The libraries' logs take the same way.
    * Label values of metrics are bounded: no error text, and an endpoint's name only on the gauges that
      `ENDPOINT_METRICS=false` leaves out; those end with the endpoint.
    * `/healthz` fails when the event loop or a task that must live for ever has stopped; both probes say why, as JSON.
    * docs/metrics.md and docs/logs.md name every metric and every event.

Not here
    * What is worth measuring: each package defines an observer, `Metrics` satisfies it.
"""

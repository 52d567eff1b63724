"""An embedded environment for the demo and the tests: a Kubernetes API server in memory, and AWS by moto.

Guarantees
    * Real HTTP on loopback. What the controller says to it, it could say to a real API server.
    * Server-side apply, ownership of fields, defaults, refusals, pages and watches are those of kube-apiserver 1.36 for
      the kinds that are here: a recording of the real one is replayed against it.
    * Ingresses of the class `alb` share one load balancer, which is programmed as a group: one in error stops all. What
      it routes and whether Global Accelerator would take the Region for healthy is kept with its history.
    * Whatever a client sends, the server answers with a Status and lives on.
    * A write is atomic; versions only grow; a watch has no gaps, or ends, or says 410.
    * No product code is imported: a mistake made in both would hide itself.
    * Nothing is left behind: the child process of AWS ends with this one, even if this one is killed.

Not here
    * Authentication, authorization, admission webhooks, quotas, other versions of a kind than the one used (but for
      events in the core group), persistence, ReplicaSets (so no `kubectl rollout undo`), logs, garbage collection by owner
      references, protobuf (so no `kubectl create deployment`; `kubectl apply -f` works).
    * The load balancer's health checks: a ready Pod is a healthy target at once. Its group's order and other groups.
    * Scaling by a HorizontalPodAutoscaler: tests scale through the scale subresource.
    * Validation beyond what an inference endpoint's objects can run into.
"""

"""What Kubernetes should hold for an endpoint, as plain dicts. Pure.

Guarantees
    * Complete manifests for server-side apply: no None, no empty map or list that the API server would drop.
    * The endpoint is never changed; the same input gives the same manifest.
    * No text of a user reaches a shell line in the newest template revision.

Not here
    * Which of these objects should stand at a given moment, and replicas under an autoscaler: planning decides.
"""

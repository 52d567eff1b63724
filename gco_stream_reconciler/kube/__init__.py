"""The Kubernetes edge: the only place that knows kubernetes_asyncio.

Objects go in and come out as plain dicts; the library serves for configuration, authentication and TLS.

Guaranteed:

* Every call has a deadline that covers its quick retries; every error is one of `errors.py`, with its cause chained
  and a message that names the request and the remedy.
* Only calls that may safely run twice are retried here. A conflict never is.
* "Absent" means that the API server named this very object as not found. An answer that cannot be read, a path that
  is not served, a proxy's page: all are errors, never absence.
* A list or watch that ends early raises. A watch never yields anything but a whole event.
* Deletes carry the UID of the incarnation they mean, and find "already gone" when another one has its name.
* A credential that the API server refuses (401) is loaded anew once, however many calls notice.
* Error messages contain no environment value of the workload that was sent, and no control characters.

Not guaranteed:

* That a write which ended in UnavailableError did not take effect.
* Ordering between concurrent calls.
* Rate limits on this side: API Priority and Fairness decides, and its 429 is obeyed.
"""

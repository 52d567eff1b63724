"""The operator's console: debug JSON and a page for a person, on a listener of its own. Read-only.

    GET /                        the page: queue, stream, leader, failing keys, endpoints (`?q=` filters, `?page=`)
    GET /endpoints/{name}        one endpoint: state, why, plan, last actions, recent errors, desired and observed
    GET /debug/queue             waiting, in process, delayed with due time, failing with last error
    GET /debug/endpoints         the rows of the page, with the same `?q=` and `?page=`
    GET /debug/endpoints/{name}  desired, observed, plan, why, last actions and errors, place in the queue
    GET /debug/shards            the stream, its shards, who leads
    GET /fragment/…              the parts of a page, for the page's own script

Guarantees
    * Nothing can be changed through it: every method but GET and HEAD is refused (405).
    * No value of workload environment leaves it: every document goes through `plain.public`.
    * It answers only to loopback names and addresses and the listener's own address (else 421), so that no web site
      can read it through the operator's browser.
    * Whatever stands in an item or an error is shown as text; the Content-Security-Policy allows nothing inline.
    * Without script the page is whole, only not live.
    * A page shows 200 endpoints, however many there are; the rest is on further pages.

Not here
    * Where the facts come from: `views.ConsoleSource`, satisfied by `app/console_source.py`.
    * Authentication. The listener is on loopback; who reaches it (`kubectl port-forward`) was let in by Kubernetes.
    * A second copy of the state: nothing is kept but the samples of the queue's depth and the last actions.
"""

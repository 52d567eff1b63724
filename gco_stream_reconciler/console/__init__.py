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
    * Where the facts come from. The console defines `views.ConsoleSource`; `app` satisfies it:

        source = ControllerFacts(readiness, journal, …)                     # app/console_source.py
        console = ConsoleServer(
            source=source,
            about=About(cluster=place.cluster_name, region=place.region, table=place.table_name, version=__version__),
            host=settings.telemetry.debug_address,                          # DEBUG_ADDRESS, 127.0.0.1
            port=settings.telemetry.debug_port,                             # DEBUG_PORT, 8081; 0 = any free port
            now=now,
            log=log,
        )
        await stack.enter_async_context(console)
        group.create_task(console.sample(), name="console-sampler")         # beside the heartbeat

      While there is no term (a follower) `depth`, `queue` and `stream` return their empty views.

      depth()       from `WorkQueue.depth_by_lane()` and the number of keys in process; called once a second, so not
                    from a whole snapshot.
      queue()       `queue_view(term.queue.snapshot())`; WorkQueue's Snapshot fits as it is.
      endpoints()   a row for every endpoint that a resync's scan or a reconcile has seen, built from the decoded item
                    and this Region's `RegionStatus` (app/endpoint_journal.py). The canary's weights are those of
                    `RegionStatus.canary`. What only the cache knows has a row too.
      endpoint()    reads the item (`Table.get`, which has its deadline), takes the objects from the cache, and runs the
                    pure `plan` on the two without executing it. `desired`, `observed` and `PlannedAction.manifest` take
                    the decoded Endpoint, raw objects and manifests as they are: they are redacted here.
      stream()      one ShardView a shard of the session's lineage, with the reader's Progress where it is being read.
      leadership()  `elector.is_leader`, `elector.leader_identity` and the own identity.

      One `ActionHistory` for the process: the executor calls `acted` after every action, the worker `failed` after every
      reconcile that raised; a `forget` follows when the item is gone.
    * Authentication. The listener is on loopback; who reaches it (`kubectl port-forward`) was let in by Kubernetes.
    * A second copy of the state: nothing is kept but the samples of the queue's depth and the last actions.
"""

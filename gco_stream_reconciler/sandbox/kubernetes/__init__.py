"""The API server in memory.

Pure: schema, fields, apply (server-side apply and ownership), decoding, defaults, validation, admission, strictness,
quantities, patches, selectors, tables, bodies, openapi, endpoint_slices, rollouts, routing (what a load balancer would
route), ready_pods, answers. State: history and objects (versions, watchers), store (writes). HTTP: calls, handlers, lists,
watches, discovery, faults and spoiling, requests, server. The rest of the cluster: controllers, which joins deployments
with ingress_controller and load_balancer, on timers.
"""

"""The API server in memory.

Pure: schema, fields, apply (server-side apply and ownership), decoding, defaults, validation, quantities, patches,
selectors, tables, rollouts. State: history and objects (versions, watchers), store (writes with admission). HTTP:
calls, handlers, lists, watches, discovery, faults, requests, server. The rest of the cluster: controllers.
"""

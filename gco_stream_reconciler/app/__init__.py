"""Composition root: builds the parts, joins them, starts and stops them. Nothing else wires.

Every replica runs the probes, the informers and the election; only the leader polls the stream and works. Stopping is
in a stated order: intake (stream, resync), workers finish what waits and what they have begun, statuses are written,
the lease is released, the listeners close.
"""

"""The whole controller on a virtual clock, in a world that misbehaves by a seed.

Everything above the sockets is the product's own: application parts, elector, informers, stream consumer, queue, workers,
the error translation and retries of both edges. Below them are an API server (the sandbox's store and simulated
controllers), a DynamoDB table with its stream, and a network that loses, delays and repeats. One seed is one history:
no wall clock, no real randomness and no memory address decides anything.

Not here: sockets, TLS, real processes (see the integration tests), and an API server that breaks its promises for ever:
a watch event that is lost without a trace is found again when the watch's history ends.
"""

"""`make bench`: measures the controller from outside, against the goals of its design.

The controller runs as its own process, as it would in a pod; so do the API server, the table and the polling baseline.
Nothing in here is imported by the product, and only the micro-benchmarks import the product.
"""

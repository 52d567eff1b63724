"""The only code that talks to AWS: the endpoint table and its stream, through aiobotocore.

Guarantees
    * Every call has a deadline; transient failures are tried again a few times inside it, with full jitter.
    * SDK errors leave as the errors of `errors.py`, the cause chained, the missing IAM action named.
    * A scan gives every page or raises. A body that is no answer is unavailability, never an empty answer.
    * A status write touches one Region's entry, on the condition that the item is the one that was read.

Not here
    * What an item means (endpoints), what a shard is (stream).
"""

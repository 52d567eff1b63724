"""What the table says: an item of DynamoDB JSON becomes an `Endpoint`, and a status becomes DynamoDB JSON.

Guarantees
    * `decode_endpoint` never raises, whatever the item holds: a field that cannot be used becomes a `Problem` with its
      path, a printable value and the reason; the other fields are read all the same.
    * A spec is there only if every field of it is usable, so nothing is ever rendered from half of one.
    * Values of workload environment are in no problem, warning or `repr`.

Not here
    * Whether a namespace or a Region is one that this controller serves: planning decides.
"""

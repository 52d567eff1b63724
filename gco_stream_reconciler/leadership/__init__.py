"""One active replica: leader election on a coordination/v1 Lease, by client-go's rules.

Guaranteed, as long as monotonic clocks run at about the same rate (one part in a hundred is fine with the default
figures) and every identity belongs to one process only:

* A process works only between an acquisition or renewal it knows to have succeeded and the renew deadline after it, counted
  from before the request was sent.
* Another takes the lease only after it has watched the record stay unchanged for the holder's own lease duration,
  counted from after the answer was received. Wall clocks are written for people and never compared.
* When the lease is lost, the work is cancelled and awaited; this process stands again only when it has ended. It has
  lease duration minus renew deadline for that.
* A crash of the work, or its normal end, releases the lease and ends `run`.
* At shutdown the work drains under a lease that is still renewed; then the lease is released, and a candidate finds
  that within a second.

Not guaranteed:

* Fencing: what was sent before the lease was lost may still take effect. Bound every write by less than lease duration
  minus renew deadline, and ask `is_leader` before sending it.
* Safety against somebody who deletes or edits the Lease by hand, or against a predecessor that acts without looking at it.
"""

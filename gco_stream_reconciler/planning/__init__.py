"""What to do about the difference between the table and the cluster. Pure.

Guarantees
    * `plan` depends on its arguments only: the same endpoint, observation, time and settings give the same plan.
    * A plan that changes nothing is empty: no action, and no status other than the one already reported.
    * No action names an object that is not this endpoint's own (rule 12); every deletion carries the object's UID.
    * Nothing is decided about an object that was not seen: the plan asks for a read by name first.

Not here
    * I/O of any kind. The caller reads, executes, and asks again.
    * What concerns several endpoints at once: how many clean-ups may happen in an hour, which orphans two looks agree on.
"""

"""Local copies of the cluster's objects, kept current by list and watch.

Guarantees
    * An object in a cache never goes back in time: what is older than the held version changes nothing, whether it
      comes late, twice, or out of a listing that began before our own write.
    * A listing replaces a cache in one step, or not at all. A failed, cut short or malformed one changes nothing.
    * Every difference between two successive states of an object is announced exactly once, also the deletions that
      happened while no watch was open. What differs in nothing but the resourceVersion is no difference.
    * Our own writes are visible at once (`write_through`, `forget`), and later notifications of them are not news.
    * No failure ends a reflector or empties its cache; reconnects are rate limited and back off.
    * A watch that has gone silent is replaced within 75 seconds, by a listing.

Not here
    * The caches hold only what carries the type label. An object that is not there may exist under other labels.
    * A cache lags behind the cluster by an unknown time; `stale` tells only that nothing has been heard for long.
    * Objects are compacted: no managedFields, and of `status` only what decisions are made from.
    * Cached objects are shared: whoever gets one must not change it.
    * The first listing announces every object as added. Whoever wants to act on differences only awaits `wait_synced`.
"""

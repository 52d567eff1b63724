"""The stream consumer: change records become endpoint keys.

Guarantees
    * A gap-free start: every leaf shard is bound to a position before the table is scanned, and is read while it is.
    * A child shard is read after its parent, from its beginning; a parent that is no longer listed never blocks.
    * The last page of a shard, which comes without a next iterator, is queued like any other.
    * Where changes may have been lost (trimmed data, a vanished shard, a late binding, another stream) a full resync
      is asked for.
    * Each shard has its own task, and so has each question for children: one that hangs or is throttled slows no
      other. Discovery goes on for ever.

Not here
    * Remembered positions: a restart looks at everything once instead.
    * What a key means: the worker reads the item itself. Records may arrive twice.
"""

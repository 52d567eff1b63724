"""The loop that joins what the others know: a key goes in, the cluster and the reported status come out right.

Guarantees
    * A reconcile takes a key and nothing else; it reads the item itself, so it does not matter which source queued it.
    * A worker that meets an error logs it, gives the key its backoff and goes on; one endpoint never stops another.
    * Nothing is destroyed on a replica's word: the item is read again, consistently, in the home Region first.
    * A status is written only when it changed, only for our own Region, and only while the item is the one that was
      read. A failing status write holds up no Kubernetes work.
    * A resync acts only on a complete scan.

Not here
    * The decisions (planning), the calls (kube, aws), where keys come from (stream, informer).
"""

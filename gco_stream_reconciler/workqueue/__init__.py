"""A queue of keys between those who notice something and those who do something about it.

Guarantees
    * A key is handed to at most one worker at a time.
    * No add is lost: a key added while it waits is handed out once; one added while in process is handed out again.
    * A delayed add happens at the earliest of the times asked for, never before.
    * Live changes go before timers, timers before the resync; but what has waited for long gets every second turn, so
      that no lane starves.
    * A waiting `get` can be cancelled at any moment; no key goes with it.
    * Nothing is dropped, however often it fails; failures only slow a key down.
    * After shut_down nothing more is taken in, and what waits is still handed out.

Not here
    * Persistence. What is queued dies with the process; a resync finds it again.
    * Threads. Every method belongs to one event loop.
    * A bound on the number of keys: it is the number of endpoints.
    * Order among keys of one lane beyond first come, first served at the moment of handing out.
"""

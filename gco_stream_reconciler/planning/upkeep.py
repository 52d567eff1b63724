"""What goes on for a refused endpoint beside the watchdog (rule 14)."""

from dataclasses import dataclass

from gco_stream_reconciler.planning.actions import Action, Notice, ObjectRef


@dataclass(frozen=True, slots=True)
class Upkeep:
    """reads: what must be read by name before anything is changed; then there is nothing else."""

    stages: tuple[tuple[Action, ...], ...] = ()
    reads: tuple[ObjectRef, ...] = ()
    notices: tuple[Notice, ...] = ()


NOTHING = Upkeep()

"""The Ingress of a refused endpoint as a manifest of ours, made from what stands: no spec is needed.

The mark of what was applied last is left out, so the next spec that is accepted is applied whatever it says.
"""

from typing import Any

from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.planning.actions import AbsorbManagers, ObjectRef
from gco_stream_reconciler.planning.desired import ANNOTATION_APPLIED
from gco_stream_reconciler.planning.observed import KubeObject, metadata, uid
from gco_stream_reconciler.planning.ownership import Owner
from gco_stream_reconciler.planning.situation import Situation

_LABELS = frozenset(
    {
        names.LABEL_APP,
        names.LABEL_PROJECT,
        names.LABEL_TYPE,
        names.LABEL_MANAGED_BY,
        names.LABEL_ENDPOINT,
        names.LABEL_ROLE,
        names.LABEL_CANARY,
    }
)
# What an Ingress of ours is annotated with; an annotation of somebody else's under these prefixes keeps its owner.
_PREFIXES = ("alb.ingress.kubernetes.io/", "gco.io/")
_SPEC = ("ingressClassName", "rules")


def as_it_stands(live: KubeObject) -> dict[str, Any]:
    """The manifest; with the UID it cannot make an Ingress that has gone meanwhile."""
    meta, spec = metadata(live), live["spec"]
    labels = {key: text for key, text in (meta.get("labels") or {}).items() if key in _LABELS}
    annotations = {
        key: text
        for key, text in (meta.get("annotations") or {}).items()
        if key.startswith(_PREFIXES) and key != ANNOTATION_APPLIED
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": uid(live),
            "labels": labels,
            "annotations": annotations,
        },
        "spec": {key: spec[key] for key in _SPEC if key in spec},
    }


def absorbing(situation: Situation, ref: ObjectRef, live: KubeObject) -> tuple[AbsorbManagers, ...]:
    """What comes before an Ingress of the predecessor is applied, so that what is dropped from it really goes."""
    takes_over = situation.owner(live) is Owner.PREDECESSOR
    return (AbsorbManagers(ref, uid(live)),) if takes_over else ()

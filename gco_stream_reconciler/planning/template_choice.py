"""Which Pod template a Deployment is to have (rule 15): an upgrade of this program restarts no Pod.

The revision that a Deployment was made in, and the settings that show in its template, are recorded on it and rendered
again as long as they give the recorded template; the newest revision and the present settings are used where the spec
makes it differ. What inference_monitor made counts as revision 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.deployment import deployment
from gco_stream_reconciler.manifests.names import NEWEST_TEMPLATE_REVISION, Role
from gco_stream_reconciler.manifests.template import RenderedTemplate, rendered_template
from gco_stream_reconciler.manifests.template_settings import TemplateSettings, decode
from gco_stream_reconciler.planning.adoption import ANNOTATION_KEPT, Kept, decode_kept, template_differences
from gco_stream_reconciler.planning.observed import KubeObject, annotation, metadata

_PREDECESSOR_REVISION = 0
_LONGEST_REVISION = 9


@dataclass(frozen=True, slots=True)
class Template:
    """revision: the one to render, None to leave the template that stands; then `kept` says which and why.

    recorded: the settings to render it with, None for the present ones. stands: the Deployment has this very template.
    rendered: the outcome, where the choice needed it.
    """

    revision: int | None
    kept: Kept | None = None
    recorded: TemplateSettings | None = None
    stands: bool = field(default=False, compare=False)
    rendered: RenderedTemplate | None = field(default=None, compare=False, repr=False)

    @property
    def probes_revision(self) -> int:
        """The revision whose probes the Pods have."""
        return _PREDECESSOR_REVISION if self.revision is None else self.revision

    def context(self, present: ManifestContext) -> ManifestContext:
        """What to render it with, and whatever must agree with its Pods (rule 9)."""
        return _with(present, self.recorded)


NEWEST = Template(NEWEST_TEMPLATE_REVISION)


def primary_template(endpoint: Endpoint, context: ManifestContext, live: KubeObject | None) -> Template:
    """The primary's. `live` is the Deployment; one without any mark of ours must have been read by name."""
    return _choose(endpoint, context, live, Role.PRIMARY, NEWEST)


def canary_template(
    endpoint: Endpoint, context: ManifestContext, live: KubeObject | None, primary: Template
) -> Template:
    """The canary's: in the primary's revision and with its settings, as both are probed and reached alike (rule 9)."""
    as_primary = Template(primary.probes_revision, recorded=primary.recorded)
    if live is None or (decode_kept(annotation(live, ANNOTATION_KEPT)) is None and not _is_unmarked(live)):
        return as_primary
    return _choose(endpoint, context, live, Role.CANARY, as_primary)


def _choose(
    endpoint: Endpoint, context: ManifestContext, live: KubeObject | None, role: Role, otherwise: Template
) -> Template:
    if live is None:
        return otherwise
    kept = decode_kept(annotation(live, ANNOTATION_KEPT))
    if kept is not None:
        same = kept.inputs == _hash(endpoint, context, role, _PREDECESSOR_REVISION)
        return Template(None, kept, stands=True) if same else otherwise
    if _is_unmarked(live):
        return _adopted(endpoint, context, live, role)
    standing = annotation(live, names.ANNOTATION_TEMPLATE_HASH)
    renderings = _Renderings(endpoint, context, role)
    for revision, recorded in _recorded(live):
        rendered = renderings.of(revision, recorded)
        if rendered.digest == standing:
            return Template(revision, recorded=recorded, stands=True, rendered=rendered)
    return replace(otherwise, rendered=renderings.of(otherwise.probes_revision, otherwise.recorded))


class _Renderings:
    """The Pod template of one endpoint, rendered once a revision and settings."""

    def __init__(self, endpoint: Endpoint, context: ManifestContext, role: Role) -> None:
        self._endpoint = endpoint
        self._context = context
        self._role = role
        self._done: dict[tuple[int, TemplateSettings], RenderedTemplate] = {}

    def of(self, revision: int, recorded: TemplateSettings | None) -> RenderedTemplate:
        context = _with(self._context, recorded)
        key = (revision, context.template_settings)
        if key not in self._done:
            self._done[key] = rendered_template(self._endpoint, context, role=self._role, revision=revision)
        return self._done[key]


def _adopted(endpoint: Endpoint, context: ManifestContext, live: KubeObject, role: Role) -> Template:
    rendered = deployment(endpoint, context, role=role, replicas=None, revision=_PREDECESSOR_REVISION)
    paths = template_differences(rendered, live)
    if not paths:
        return Template(_PREDECESSOR_REVISION, stands=True)
    return Template(None, Kept(_hash(endpoint, context, role, _PREDECESSOR_REVISION), paths), stands=True)


def _is_unmarked(live: KubeObject) -> bool:
    """Whether nothing on it is ours yet: it is the predecessor's, perhaps with its managers absorbed already."""
    managed_by = (metadata(live).get("labels") or {}).get(names.LABEL_MANAGED_BY)
    return managed_by is None and annotation(live, names.ANNOTATION_TEMPLATE_REVISION) is None


def _recorded(live: KubeObject) -> Iterator[tuple[int, TemplateSettings | None]]:
    """What it may have been rendered as: what is recorded, and the same with the present settings (None)."""
    revision = _recorded_revision(live)
    if revision is None:
        return
    settings = decode(annotation(live, names.ANNOTATION_TEMPLATE_SETTINGS))
    if settings is not None and revision != _PREDECESSOR_REVISION:
        yield revision, settings
    yield revision, None


def _recorded_revision(live: KubeObject) -> int | None:
    recorded = annotation(live, names.ANNOTATION_TEMPLATE_REVISION)
    if (
        recorded is None
        or len(recorded) > _LONGEST_REVISION
        or not (recorded.isascii() and recorded.isdigit())
    ):
        return None
    return int(recorded) if int(recorded) <= NEWEST_TEMPLATE_REVISION else None


def _with(present: ManifestContext, recorded: TemplateSettings | None) -> ManifestContext:
    return ManifestContext(present.region, present.table_id, present.settings, recorded)


def _hash(endpoint: Endpoint, context: ManifestContext, role: Role, revision: int) -> str:
    return rendered_template(endpoint, context, role=role, revision=revision).digest

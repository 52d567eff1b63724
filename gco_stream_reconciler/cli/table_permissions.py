"""What tried IAM actions came to, as lines of `doctor`. Pure."""

from gco_stream_reconciler.aws.probes import Tried
from gco_stream_reconciler.cli.checks import Check, fail, ok, warn
from gco_stream_reconciler.errors import ConditionFailedError, PermissionDeniedError, TableNotFoundError


def judged_action(tried: Tried) -> Check:
    """Whether it is allowed. A write whose condition failed is."""
    name = f"IAM {tried.action}"
    match tried.error:
        case None:
            return ok(name, f"allowed on {tried.where}")
        case ConditionFailedError():
            return ok(name, f"allowed on {tried.where}; nothing was written")
        case PermissionDeniedError():
            remedy = f"allow {tried.action} on {tried.where}: docs/deploy/controller-policy.json"
            return fail(name, str(tried.error), remedy)
        case TableNotFoundError():
            return fail(name, str(tried.error), f"there must be a {tried.where} first")
    return warn(name, f"not answered: {tried.error}", "try again; whether it is allowed is not known")

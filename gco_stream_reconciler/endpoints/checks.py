"""What a single field may hold. Each check returns the model's value or raises RefusedError with what is allowed.

Grammars: Kubernetes object names and labels
(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/), S3 bucket and key names.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from gco_stream_reconciler.endpoints.values import RefusedError
from gco_stream_reconciler.kubernetes_names import LABEL, SUBDOMAIN

_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_IMAGE = re.compile(
    r"(?=.{1,512}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
    r"(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_QUANTITY = re.compile(r"\+?(\d+\.?\d*|\.\d+)(m|u|n|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d{1,2})?")
# ELB allows the path of a health check 1,024 characters; a root path may stand before it.
_HEALTH_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@%/-]{0,511}")
# The ALB's controller makes the patterns `path` and `path/*` of it. ELB allows them 128 characters, of these kinds
# (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/add-rule.html); what it refuses holds up the rules
# of every other endpoint of the load balancer.
_INGRESS_PATH = re.compile(r"/[A-Za-z0-9_.$/~'@:+&-]{1,125}/?")
# What the API server refuses in a path of an Ingress.
_ODD_PATH = re.compile(r"//|/\.{1,2}(/|$)")
_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.=+@/-]*)?")
_MODEL_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=+@:/-]*")
_FILE_PATH = re.compile(r"/[A-Za-z0-9_.=+@/-]*")
# JSON can spell half of a pair; UTF-8 cannot hold it, nor YAML.
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENV_NAME = re.compile(r"[!-<>-~]{1,256}")


TextCheck = Callable[[Any], str]


def matching(pattern: re.Pattern[str], reason: str) -> TextCheck:
    """A check for text of one grammar."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RefusedError(reason)
        return value

    return check


name = matching(
    _DNS_1035,
    "must be a DNS label: lower-case letters, digits and -, starting with a letter, at most 63 characters",
)
namespace = matching(LABEL, "must be a DNS label: lower-case letters, digits and -, at most 63 characters")
image = matching(_IMAGE, "must be an image reference, such as registry/repository:tag")
health_path = matching(_HEALTH_PATH, "must be a URL path that begins with /, of at most 512 characters")
model_path = matching(_FILE_PATH, "must be an absolute path of letters, digits and _ . = + @ - /")
resource_name = matching(re.compile(r"[A-Za-z0-9./_-]{1,253}"), "must be a resource name")


def text(value: Any) -> str:
    """Printable text that is not empty."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise RefusedError("must be printable text")
    return value


def whole_number(low: int, high: int) -> Callable[[Any], int]:
    """A whole number in a range, as a number or as text that holds one (the command line stores some so)."""
    reason = f"must be a whole number from {low} to {high}"

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise RefusedError(reason)
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            raise RefusedError(reason) from None
        if not number.is_finite() or not low <= number <= high or number != number.to_integral_value():
            raise RefusedError(reason)
        return int(number)

    return check


def one_of(*allowed: str) -> Callable[[Any], str]:
    """One of a few words."""

    def check(value: Any) -> str:
        if value not in allowed or not isinstance(value, str):
            raise RefusedError(f"must be {' or '.join(allowed)}")
        return value

    return check


def scalar_text(value: Any) -> str:
    """A string, or a number or boolean as its text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
        raise RefusedError("must be valid Unicode, without half of a surrogate pair")
    if isinstance(value, str | int | Decimal):
        return str(value)
    raise RefusedError("must be a string, a number or a boolean")


def strings(value: Any) -> tuple[str, ...]:
    """A list of texts; numbers become text."""
    if not isinstance(value, list):
        raise RefusedError("must be a list of strings")
    return tuple(scalar_text(item) for item in value)


def quantity(value: Any) -> str:
    """A Kubernetes quantity that is not negative, as text."""
    found = scalar_text(value)
    if isinstance(value, bool) or _QUANTITY.fullmatch(found) is None:
        raise RefusedError("must be a quantity such as 500m, 4 or 16Gi")
    return found


def a_map(value: Any) -> Mapping[str, Any]:
    """A map."""
    if not isinstance(value, dict):
        raise RefusedError("must be a map")
    return value


def truth(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise RefusedError("must be true or false")
    return value


def ingress_path(value: Any) -> str:
    """A path that takes some of a load balancer's requests but not all of them (rule 14)."""
    if (
        not isinstance(value, str)
        or _INGRESS_PATH.fullmatch(value) is None
        or _ODD_PATH.search(value) is not None
    ):
        raise RefusedError(
            "must begin with /, not be / alone, have at most 126 characters, letters, digits and _ - . $ / ~ ' @ : + & only "
            "(what a load balancer's rule takes), and hold no //, /./ or /../"
        )
    return value


def model_source(value: Any) -> str:
    """Where a model comes from. It ends up in a container's environment, in revision 0 in a shell line."""
    if isinstance(value, str) and ".." not in value:
        pattern = _S3 if value.startswith("s3://") else _MODEL_SOURCE
        if pattern.fullmatch(value):
            return value
    raise RefusedError("must be like s3://bucket/key, of letters, digits and _ . = + @ - / only")


def env_name(value: str) -> str:
    """A name of an environment variable."""
    if _ENV_NAME.fullmatch(value) is None:
        raise RefusedError("must be a variable name of printable ASCII characters without =")
    return value


def label_key(value: str) -> str:
    """A label's key: an optional DNS prefix and a name."""
    prefix, slash, last = value.rpartition("/")
    if _LABEL_NAME.fullmatch(last) is None or (slash and SUBDOMAIN.fullmatch(prefix) is None):
        raise RefusedError("is not a valid label key")
    return value


def label_value(value: Any) -> str:
    """A label's value: at most 63 characters."""
    found = scalar_text(value)
    if _LABEL_VALUE.fullmatch(found) is None:
        raise RefusedError("is not a valid label value (letters, digits, - _ . and at most 63 characters)")
    return found

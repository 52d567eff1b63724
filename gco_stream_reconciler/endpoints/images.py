"""Which image runs in which Region (rule 10)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html and .../ecr-requests.html (dual stack)
_ECR = re.compile(
    r"(?P<account>\d{12})\.(?P<service>dkr\.ecr(?:-fips)?|dkr-ecr(?:-fips)?)\.(?P<region>[a-z0-9-]+)"
    r"\.(?P<domain>amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)/(?P<rest>.+)"
)


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """The image to run. `rewritten_from` is set where its registry's Region was replaced."""

    image: str
    rewritten_from: str | None = None


def resolve_image(image: str, region: str, region_image_uris: Mapping[str, str]) -> ResolvedImage:
    """The regional form of an image.

    An entry of the map counts only if it differs from `image` in nothing but the Region of its ECR host: the command
    line keeps an old map beside a new image. Else an ECR host's Region is replaced; any other image stays.
    """
    entry = region_image_uris.get(region)
    if entry is not None and _without_region(entry) == _without_region(image):
        return ResolvedImage(entry)
    match = _ECR.fullmatch(image)
    if match is None or match["region"] == region:
        return ResolvedImage(image)
    rewritten = image[: match.start("region")] + region + image[match.end("region") :]
    return ResolvedImage(rewritten, rewritten_from=image)


def _without_region(image: str) -> tuple[str, ...]:
    match = _ECR.fullmatch(image)
    if match is None:
        return (image,)
    return (match["account"], match["service"], match["domain"], match["rest"])


def image_is(image: str, names: Iterable[str]) -> bool:
    """Whether an image's repository names one of the programs.

    A path component counts that is the name or begins with it and a hyphen: `vllm` is in `vllm/vllm-openai`, in
    `registry/team/vllm` and in `registry/vllm-custom`, not in `registry/myvllm`.
    """
    repository = image.partition("@")[0]
    head, slash, last = repository.rpartition("/")
    components = [*head.split("/"), last.partition(":")[0]] if slash else [last.partition(":")[0]]
    prefixes = tuple(f"{name}-" for name in names)
    return any(f"{part}-".startswith(prefixes) for part in components)

import pytest

from gco_stream_reconciler.endpoints.images import ResolvedImage, image_is, resolve_image

EAST = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gco/llama3:v7"
WEST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/gco/llama3:v7"


def test_an_entry_that_is_the_regional_form_is_taken() -> None:
    assert resolve_image(EAST, "eu-west-1", {"eu-west-1": WEST}) == ResolvedImage(WEST)


def test_a_stale_entry_is_not_taken_and_the_host_rewritten_instead() -> None:
    new = EAST.replace(":v7", ":v8")
    resolved = resolve_image(new, "eu-west-1", {"eu-west-1": WEST, "us-east-1": EAST})
    assert resolved == ResolvedImage(WEST.replace(":v7", ":v8"), rewritten_from=new)


def test_an_entry_of_another_account_is_not_taken() -> None:
    other = WEST.replace("123456789012", "999999999999")
    assert resolve_image(EAST, "eu-west-1", {"eu-west-1": other}).image == WEST


@pytest.mark.parametrize(
    "image", ["vllm/vllm-openai:v1", "public.ecr.aws/neuron/x:1", "ghcr.io/a/b@sha256:" + "0" * 64]
)
def test_an_image_outside_ecr_is_the_same_everywhere(image: str) -> None:
    assert resolve_image(image, "eu-west-1", {}) == ResolvedImage(image)


def test_the_image_of_its_own_region_is_not_rewritten() -> None:
    assert resolve_image(EAST, "us-east-1", {}) == ResolvedImage(EAST)


def test_a_digest_and_the_fips_host_survive_the_rewriting() -> None:
    image = "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/a/b@sha256:" + "0" * 64
    assert resolve_image(image, "us-west-2", {}).image == image.replace("us-east-1", "us-west-2")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("vllm/vllm-openai:v1", True),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/vllm:2", True),
        ("registry:5000/vllm-custom@sha256:" + "0" * 64, True),
        ("vllm", True),
        ("vllm:latest", True),
        ("team/myvllm:1", False),
        ("ghcr.io/huggingface/text-generation-inference:3", False),
    ],
)
def test_an_image_is_recognised_by_its_repository(image: str, expected: bool) -> None:
    assert image_is(image, ("vllm",)) is expected

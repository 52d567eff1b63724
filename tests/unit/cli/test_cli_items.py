import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gco_stream_reconciler.cli.ending import CommandError
from gco_stream_reconciler.cli.item_files import as_dynamodb, items_of_file, untagged
from gco_stream_reconciler.cli.new_items import merged_spec, new_item, pairs
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from tests.samples import sample_item, sample_items


def written(folder: Path, document: Any) -> Path:
    file = folder / "item.json"
    file.write_text(json.dumps(document), "utf-8")
    return file


@pytest.mark.parametrize(
    "wrap",
    [lambda item: item, lambda item: {"Item": item}, lambda item: {"Items": [item]}, lambda item: [item]],
)
def test_a_file_may_hold_what_the_aws_command_line_prints(tmp_path: Path, wrap: Any) -> None:
    item = sample_item("vllm-llama3")
    assert items_of_file(written(tmp_path, wrap(item))) == [item]


@pytest.mark.parametrize("item", sample_items(), ids=lambda item: item["endpoint_name"]["S"])
def test_plain_json_of_an_item_means_the_same_endpoint(tmp_path: Path, item: dict[str, Any]) -> None:
    (read,) = items_of_file(written(tmp_path, untagged(item)))
    assert decode_endpoint(read) == decode_endpoint(item)


def test_floats_become_text_as_gcos_command_line_stores_them(tmp_path: Path) -> None:
    (read,) = items_of_file(written(tmp_path, {"endpoint_name": "x", "spec": {"weight": 0.5}}))
    assert read["spec"] == {"M": {"weight": {"S": "0.5"}}}


def test_an_item_with_a_map_of_one_letter_is_still_plain() -> None:
    assert as_dynamodb({"endpoint_name": "x", "labels": {"S": "y"}})["labels"] == {"M": {"S": {"S": "y"}}}


@pytest.mark.parametrize("document", [[], {}, 3, [{"name": "x"}], {"Items": []}])
def test_a_file_without_an_item_is_refused_with_what_it_may_hold(tmp_path: Path, document: Any) -> None:
    with pytest.raises(CommandError, match="holds no item") as refusal:
        items_of_file(written(tmp_path, document))
    assert refusal.value.exit_code == 2


def test_a_file_that_is_not_json_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"\xff{")
    for name, said in (("broken", "not JSON"), ("absent", "cannot be read")):
        with pytest.raises(CommandError, match=said):
            items_of_file(tmp_path / name)


def test_a_new_item_is_the_one_that_gcos_deploy_writes() -> None:
    item = new_item(
        "llama",
        {"image": "vllm/vllm-openai:v1", "replicas": 2, "weight": Decimal("0.5")},
        regions=["us-east-1"],
        namespace="gco-inference",
        labels={},
        now="2026-11-21T08:00:00+00:00",
    )
    assert untagged(item) == {
        "endpoint_name": "llama",
        "desired_state": "deploying",
        "target_regions": ["us-east-1"],
        "namespace": "gco-inference",
        "spec": {"image": "vllm/vllm-openai:v1", "replicas": 2, "weight": "0.5"},
        "ingress_path": "/inference/llama",
        "created_at": "2026-11-21T08:00:00+00:00",
        "updated_at": "2026-11-21T08:00:00+00:00",
        "region_status": {},
    }


def test_flags_win_over_the_file_and_environments_are_merged_by_name() -> None:
    base = {"image": "a:1", "replicas": 0, "env": {"A": "1", "B": "2"}}
    given = {"image": "a:2", "replicas": None, "args": [], "env": {"B": "3"}}
    assert merged_spec(base, given) == {"image": "a:2", "replicas": 0, "env": {"A": "1", "B": "3"}}


def test_a_bound_that_is_given_leaves_the_files_autoscaling_as_it_is_beside() -> None:
    metrics = [{"type": "memory", "target": 80}]
    base = {"autoscaling": {"enabled": False, "min_replicas": 3, "max_replicas": 6, "metrics": metrics}}
    given = {"autoscaling": {"enabled": True, "max_replicas": 20}}
    assert merged_spec(base, given)["autoscaling"] == {
        "enabled": True, "min_replicas": 3, "max_replicas": 20, "metrics": metrics,
    }  # fmt: skip


@pytest.mark.parametrize("field", ["env", "autoscaling"])
@pytest.mark.parametrize("of_file", [["A"], "A", 1, [], ""])
def test_a_map_that_is_none_in_the_file_stays_for_the_check_to_refuse(field: str, of_file: Any) -> None:
    assert merged_spec({field: of_file}, {field: {"B": "1"}}) == {field: of_file}
    assert merged_spec({field: None}, {field: {"B": "1"}}) == {field: {"B": "1"}}


def test_zero_replicas_are_given_and_not_unset() -> None:
    assert merged_spec({"replicas": 3}, {"replicas": 0}) == {"replicas": 0}


def test_pairs_are_split_at_the_first_sign_and_a_refusal_hides_the_value() -> None:
    assert pairs(["A=b=c", "D="], "--env") == {"A": "b=c", "D": ""}
    with pytest.raises(CommandError) as refusal:
        pairs(["hunter2"], "--env")
    assert "hunter2" not in str(refusal.value)

"""The autoscaler's manifest, beside the golden files."""

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.manifests.autoscaler import autoscaler
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.settings import LifecycleSettings
from tests.samples import sample_item


def test_the_processor_comes_last_where_servers_that_store_autoscaling_v1_put_it() -> None:
    context = ManifestContext(region="us-east-1", table_id="table-1", settings=LifecycleSettings())
    metrics = autoscaler(decode_endpoint(sample_item("cpu-embedder")), context)["spec"]["metrics"]
    assert [metric["resource"]["name"] for metric in metrics] == ["memory", "cpu"]

import pytest

from gco_stream_reconciler import errors
from gco_stream_reconciler.kube.leases import LeaseApi
from tests.doubles.scripted_api_server import client_of, refuses, says, scripted_server

NAME = "inference-monitor-leader"
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": NAME, "resourceVersion": "7"},
}
DETAILS = {"name": NAME, "group": "coordination.k8s.io", "kind": "leases"}
PATH = "/apis/coordination.k8s.io/v1/namespaces/rec/leases"


async def test_a_lease_is_read_created_and_replaced() -> None:
    async with scripted_server(says(LEASE)) as server, client_of(server.url) as client:
        leases = LeaseApi(client, namespace="rec", timeout_seconds=5)
        assert await leases.get(NAME) == LEASE
        await leases.create({"metadata": {"name": NAME}, "spec": {"holderIdentity": "x"}})
        await leases.replace({**LEASE, "spec": {"holderIdentity": ""}})
    read, created, replaced = server.asked
    assert (read.method, read.path, read.query) == ("GET", f"{PATH}/{NAME}", {})
    assert (created.method, created.path) == ("POST", PATH)
    assert created.body == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "namespace": "rec"},
        "spec": {"holderIdentity": "x"},
    }
    assert (replaced.method, replaced.path) == ("PUT", f"{PATH}/{NAME}")
    assert replaced.body["metadata"] == {"name": NAME, "namespace": "rec", "resourceVersion": "7"}


async def test_an_absent_lease_is_none_and_an_unclear_404_is_not() -> None:
    missing = refuses(404, "NotFound", f'leases.coordination.k8s.io "{NAME}" not found', DETAILS)
    async with (
        scripted_server(missing, says("404 page not found", 404)) as server,
        client_of(server.url) as client,
    ):
        leases = LeaseApi(client, namespace="rec", timeout_seconds=5)
        assert await leases.get(NAME) is None
        with pytest.raises(errors.UnavailableError):
            await leases.get(NAME)


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (409, "Conflict", errors.ConflictError),
        (404, "NotFound", errors.NotFoundError),
        (503, "ServiceUnavailable", errors.UnavailableError),
        (403, "Forbidden", errors.PermissionDeniedError),
    ],
)
async def test_a_refused_update_is_raised_and_not_repeated(
    code: int, reason: str, expected: type[errors.ReconcilerError]
) -> None:
    async with (
        scripted_server(refuses(code, reason, "no", DETAILS)) as server,
        client_of(server.url) as client,
    ):
        with pytest.raises(expected):
            await LeaseApi(client, namespace="rec", timeout_seconds=5).replace(LEASE)
    assert len(server.asked) == 1

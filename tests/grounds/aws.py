"""DynamoDB and its streams on loopback: moto, or DynamoDB Local, which is AWS's own emulator in Java."""

import contextlib
import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gco_stream_reconciler.sandbox.aws import AwsServer
from gco_stream_reconciler.sandbox.foreign import FOREIGN
from tests.grounds.leash import free_port, on_a_leash

MOTO, DYNAMODB_LOCAL = "moto", "DynamoDB Local"
FETCHED = Path(__file__).parents[2] / ".cache" / "dynamodb-local"
_START_SECONDS = 60.0
# A test is over before an optimising compiler has earned its price.
_JAVA = ("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_CALL_SECONDS = 5.0


@dataclass(frozen=True)
class AwsGround:
    """Something that answers as DynamoDB and DynamoDB Streams do."""

    name: str
    url: str

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """This process talks to it until the block ends: botocore looks for its endpoint in the environment."""
        environment = self.environment()
        before = {name: os.environ.pop(name, None) for name in (*FOREIGN, *environment)}
        os.environ.update(environment)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def environment(self) -> dict[str, str]:
        """What makes a process without FOREIGN talk to it, and never to the real one."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextlib.contextmanager
def moto() -> Iterator[AwsGround]:
    with AwsServer() as server:
        yield AwsGround(MOTO, server.url)


@contextlib.contextmanager
def dynamodb_local(environ: Mapping[str, str] = os.environ) -> Iterator[AwsGround]:
    """The running one that TEST_DYNAMODB_URL names, or one of our own, in memory."""
    if url := environ.get("TEST_DYNAMODB_URL"):
        yield AwsGround(DYNAMODB_LOCAL, url)
        return
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [*_JAVA, "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command += ["-inMemory", "-disableTelemetry", "-port", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="dynamodb-local-") as folder,
        on_a_leash(
            command,
            log=Path(folder) / "log",
            answers=lambda: _answers(url),
            start_seconds=_START_SECONDS,
            cwd=_folder(environ),
        ),
    ):
        yield AwsGround(DYNAMODB_LOCAL, url)


def why_not_dynamodb_local(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why DynamoDB Local cannot be had, None where it can."""
    if environ.get("TEST_DYNAMODB_URL"):
        return None
    jar = _folder(environ) / "DynamoDBLocal.jar"
    if not jar.is_file():
        where = "in DYNAMODB_LOCAL_DIR" if environ.get("DYNAMODB_LOCAL_DIR") else "here"
        return f"no DynamoDBLocal.jar {where}: run `make dynamodb-local`, or set DYNAMODB_LOCAL_DIR or TEST_DYNAMODB_URL"
    return None if shutil.which("java") else "no java on the PATH: install Java 11 or newer"


GROUNDS: Mapping[str, Callable[[], contextlib.AbstractContextManager[AwsGround]]] = {
    MOTO: moto,
    DYNAMODB_LOCAL: dynamodb_local,
}


def _folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DYNAMODB_LOCAL_DIR") or FETCHED).resolve()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=_CALL_SECONDS).close()  # noqa: S310 - our own URL
    except urllib.error.HTTPError as answer:  # It has no page to show: any refusal will do.
        answer.close()
        return True
    except (http.client.HTTPException, OSError):
        return False
    return True

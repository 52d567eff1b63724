"""Every command for operators, with its examples. `run` and `demo` are in main."""

from collections.abc import Callable
from typing import Any

import typer

from gco_stream_reconciler.cli import (
    endpoint_deploy,
    endpoint_specs,
    endpoint_states,
    endpoint_wait,
    table_commands,
)
from gco_stream_reconciler.cli.diff import diff
from gco_stream_reconciler.cli.doctor import doctor
from gco_stream_reconciler.cli.ending import PROGRAM, OneSentenceGroup
from gco_stream_reconciler.cli.explain import explain
from gco_stream_reconciler.cli.render import render
from gco_stream_reconciler.cli.status import status

_CODES = (
    "Exit codes: 0 done, 1 failed, 2 usage, settings or credentials, 3 no such endpoint, 4 unreachable, "
    "5 changed meanwhile, 6 timed out."
)
_CODES_OF_DEPLOY = (
    "Exit codes: 0 done, 1 failed, 2 usage, settings or credentials, 3 exists already, 4 unreachable."
)
_CODES_OF_DIFF = "Exit codes: 0 no difference, 1 a difference, above that an error."


def register(app: typer.Typer) -> None:
    """Add the operators' commands."""
    _add(app, status, "status", "status vllm-llama3 -o json", "status --watch")
    _add(app, explain, "explain vllm-llama3 --region us-east-1")
    _add(
        app,
        diff,
        "diff",
        "diff --region us-east-1",
        "diff vllm-llama3 --region us-east-1 -o json",
        codes=_CODES_OF_DIFF,
    )
    _add(app, render, "render --file item.json --region us-east-1", "render vllm-llama3 --region us-east-1")
    _add(app, endpoint_states.reconcile, "reconcile vllm-llama3")
    _add(app, doctor, "doctor --region us-east-1", "doctor --region us-east-1 -o json")
    app.add_typer(
        _endpoint(),
        name="endpoint",
        help="Change endpoints as GCO's command line does, but never over somebody else's change.",
    )
    app.add_typer(_table(), name="table", help="Make or check the endpoint table.")


def _endpoint() -> typer.Typer:
    app = _group()
    _add(
        app,
        endpoint_deploy.deploy,
        "endpoint deploy vllm-llama3 --image vllm/vllm-openai:v0.20.1 -r us-east-1 --replicas 2",
        "endpoint deploy vllm-llama3 -r us-east-1 --spec-file spec.json",
        codes=_CODES_OF_DEPLOY,
    )
    _add(app, endpoint_specs.scale, "endpoint scale vllm-llama3 --replicas 4")
    _add(app, endpoint_states.stop, "endpoint stop vllm-llama3")
    _add(app, endpoint_states.start, "endpoint start vllm-llama3")
    _add(app, endpoint_specs.update_image, "endpoint update-image vllm-llama3 vllm/vllm-openai:v0.21.0")
    _add(app, endpoint_specs.canary, "endpoint canary vllm-llama3 vllm/vllm-openai:v0.22.0 --weight 20")
    _add(app, endpoint_specs.promote, "endpoint promote vllm-llama3")
    _add(app, endpoint_specs.rollback, "endpoint rollback vllm-llama3")
    _add(app, endpoint_states.delete, "endpoint delete vllm-llama3 --yes")
    _add(
        app,
        endpoint_wait.wait,
        "endpoint wait vllm-llama3 --timeout 900",
        "endpoint wait vllm-llama3 --for deleted",
    )
    _add(app, endpoint_states.forget_region, "endpoint forget-region vllm-llama3 eu-west-1 --yes")
    return app


def _table() -> typer.Typer:
    app = _group()
    _add(app, table_commands.create, "table create --dynamodb-region us-east-1")
    _add(app, table_commands.check, "table check -o json")
    return app


def _group() -> typer.Typer:
    return typer.Typer(
        cls=OneSentenceGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )


def _add(app: typer.Typer, command: Callable[..., Any], *examples: str, codes: str = _CODES) -> None:
    shown = "  \n".join(f"`{PROGRAM} {example}`" for example in examples)
    word = "Example" if len(examples) == 1 else "Examples"
    name = command.__name__.replace("_", "-")
    app.command(name, epilog=f"{word}: {shown}  \n{codes}")(command)

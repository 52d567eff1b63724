"""`demo` where something that it needs is not there."""

import os
from pathlib import Path

from tests.integration.cli.commands import Commands


async def test_without_the_sandboxs_packages_the_remedy_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "moto.py").write_text("raise ModuleNotFoundError(\"No module named 'moto'\")", "utf-8")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    ended = await Commands("endpoints", more={"PYTHONPATH": path}).process("demo")
    assert ended.code == 1
    assert "is the extra `sandbox` installed" in ended.sentence

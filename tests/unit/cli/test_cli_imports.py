"""What a controller does not load."""

import subprocess
import sys

SANDBOX = "gco_stream_reconciler.sandbox"


def test_the_command_line_loads_no_sandbox_until_the_demo_is_asked_for() -> None:
    script = (
        "import sys, gco_stream_reconciler.cli.main\n"
        f"print(*(name for name in sys.modules if name.startswith({SANDBOX!r}) or name in ('boto3', 'moto')))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []

"""What makes the generated files of the chart: `python -m helm.tools [--check]` from the root of the checkout."""

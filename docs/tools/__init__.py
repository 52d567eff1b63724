"""What makes the generated pages of docs/: `python -m docs.tools [--check]` from the root of the checkout."""

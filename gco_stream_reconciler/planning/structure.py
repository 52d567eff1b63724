"""How the API server merges each kind: which lists are maps, which values are atomic, which are quantities.

The data is a reduction of the OpenAPI v3 document of kube-apiserver 1.36 (`x-kubernetes-list-type`,
`-list-map-keys`, `-map-type`, and the Quantity type) to what a comparison needs. A node is

* absent: a plain value or a map of plain values, merged key by key;
* the string `quantity`;
* `{"list": "atomic"|"set"}` or `{"list": "map", "keys": {key: default}, "items": node}`;
* `{"fields": {name: node}, "values": node, "atomic": bool}`, each part optional.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any] | str | None

STRUCTURE: Mapping[str, Node] = json.loads(files(__package__).joinpath("structure.json").read_text("utf-8"))
"""Kind → root node, for the four kinds that this program applies."""

"""How Kubernetes lets things be named.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

import re

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123 label: a namespace."""

SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""RFC 1123 subdomain: most other objects, and the prefix of a label's key."""

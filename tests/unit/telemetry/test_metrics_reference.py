"""docs/metrics.md says what the program measures."""

import promql_parser
from prometheus_client import CollectorRegistry

from docs.tools.__main__ import stale
from docs.tools.metrics import QUERIES
from gco_stream_reconciler.telemetry.metrics import Metrics

DEFINITIONS = Metrics(CollectorRegistry(), clock=lambda: 0.0).definitions


def test_the_page_is_what_the_registry_gives() -> None:
    assert stale() == [], "run: make docs"


def test_every_meaning_says_something_in_one_line() -> None:
    for each in DEFINITIONS:
        assert each.meaning.strip() == each.meaning != ""
        assert not {"\n", "|"} & set(each.meaning), each.name
        assert not each.meaning.endswith("."), each.name


def test_every_query_is_valid_and_asks_for_the_metric_that_it_stands_with() -> None:
    names = {each.name for each in DEFINITIONS}
    assert QUERIES.keys() <= names
    for name, queries in QUERIES.items():
        for _, query in queries:
            asked: set[str] = set()

            def visit(node: promql_parser.Expr, asked: set[str] = asked) -> bool:
                selector = getattr(node, "vector_selector", node)
                if isinstance(selector, promql_parser.VectorSelector):
                    asked.add(str(selector.name))
                return True

            promql_parser.walk(promql_parser.parse(query), visit)
            bare = {
                each.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for each in asked
            }
            assert name in bare, query
            assert bare <= names, query

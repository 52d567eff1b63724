"""Generated files are current."""

from helm.tools import schema
from helm.tools.__main__ import stale
from helm.tools.readme import documented, undocumented
from tests.helm.charts import CHART, environment, everything, render

VALUES = (CHART / "values.yaml").read_text("utf-8")


def test_readme_schema_and_dashboard_are_what_the_tools_write() -> None:
    assert stale() == [], "run: make chart-docs"


def test_every_value_has_a_description() -> None:
    assert undocumented(VALUES) == []


def test_a_description_ends_as_a_sentence() -> None:
    for value in documented(VALUES):
        assert value.text.endswith((".", ":")), value.path


def test_every_setting_of_the_program_can_be_set_and_nothing_else() -> None:
    known = schema.variables().keys()
    assert schema.CHART_OWNED - {"DEBUG_PORT"} <= known
    own = environment(render(everything()))
    assert own.keys() <= schema.CHART_OWNED
    assert schema.settings_properties().keys() == known - schema.CHART_OWNED - schema.OUT_OF_PLACE

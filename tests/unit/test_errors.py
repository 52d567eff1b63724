from gco_stream_reconciler.errors import UnavailableError, first_error


def test_the_first_error_of_nested_groups_is_the_one_told() -> None:
    inner = UnavailableError("inner")
    assert first_error(ExceptionGroup("a", [ExceptionGroup("b", [inner])])) is inner

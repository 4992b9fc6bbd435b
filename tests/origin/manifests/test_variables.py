import pytest

from origin.manifests.attributes import parse_attributes
from origin.manifests.template import Malformed
from origin.manifests.variables import (
    MAX_VARIABLES,
    Source,
    Variable,
    chooses_server,
    defined_variables,
    expand,
    values_of,
)


def define(*tags: str) -> tuple[Variable, ...]:
    return defined_variables(parse_attributes(tag.encode(), 0) for tag in tags)


def test_the_three_sources() -> None:
    assert define('NAME="a",VALUE="1"', 'IMPORT="b"', 'QUERYPARAM="c"', 'NAME="d",VALUE="{$a}{$b}"') == (
        Variable("a", Source.NAME, "1"),
        Variable("b", Source.IMPORT),
        Variable("c", Source.QUERYPARAM),
        Variable("d", Source.NAME, "1{$b}"),
    )


def test_an_empty_value_is_a_value() -> None:
    assert values_of(define('NAME="a",VALUE=""')) == {"a": ""}


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (['NAME="a"'], "variable_invalid"),
        (['VALUE="a"'], "variable_invalid"),
        (['IMPORT="a",VALUE="b"'], "variable_invalid"),
        (['IMPORT="a",QUERYPARAM="b"'], "variable_invalid"),
        (["NAME=a,VALUE=b"], "variable_invalid"),
        (['NAME="a",VALUE=b'], "variable_invalid"),
        (['NAME="a b",VALUE="c"'], "variable_invalid"),
        (['NAME="",VALUE="c"'], "variable_invalid"),
        (['IMPORT="a"', 'QUERYPARAM="a"'], "variable_duplicate"),
        ([f'IMPORT="v{i}"' for i in range(MAX_VARIABLES + 1)], "too_large"),
        (['NAME="a0",VALUE="0123456789"']
         + [f'NAME="a{i + 1}",VALUE="{{$a{i}}}{{$a{i}}}"' for i in range(60)], "variable_too_long"),
    ],
)  # fmt: skip
def test_definitions_that_are_refused(tags: list[str], reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        define(*tags)
    assert caught.value.reason == reason


def test_expansion_is_done_once() -> None:
    assert expand("{$a}/{$b}/{$c}", {"a": "{$b}", "b": "x"}) == "{$b}/x/{$c}"


def test_expansion_is_bounded() -> None:
    with pytest.raises(Malformed, match="variable_too_long"):
        expand("{$a}" * 100, {"a": "x" * 100})


@pytest.mark.parametrize(
    "reference",
    ["{$a}", "{$a}/x", "h{$a}", "HTTP{$a}", "https{$a}", "https:{$a}", "https:/{$a}", "https://{$a}/x",
     "https://own.{$a}/x", "https://own.example:{$a}", "//{$a}/x", "//own.example{$a}", "/{$a}/x"],
)  # fmt: skip
def test_a_variable_that_could_choose_the_server(reference: str) -> None:
    assert chooses_server(reference)


@pytest.mark.parametrize(
    "reference",
    ["seg/{$a}", "seg{$a}.ts", "seg?x={$a}", "/vod/{$a}", "/v{$a}", "https://own.example/{$a}", "#{$a}",
     "//own.example/{$a}", "https://own.example?{$a}", "skd://{$a}", "{a}/x", "$a", ""],
)  # fmt: skip
def test_a_variable_that_comes_too_late_for_that(reference: str) -> None:
    assert not chooses_server(reference)

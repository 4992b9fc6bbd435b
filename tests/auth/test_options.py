"""Options of dialects: read strictly, documented from their declaration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest

from auth.dialects import DIALECTS
from auth.errors import Misuse
from auth.options import Options, is_secret, option, option_facts, read_options
from auth.secret import Secret


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Sample(Options):
    strict: bool = option(False, "Be strict.")
    window: float = option(1.0, "Seconds.")
    count: int | None = option(None, "How many.")
    names: tuple[str, ...] = option(("a",), "Names.")
    colour: Colour = option(Colour.RED, "A colour.")
    salt: Secret | None = option(None, "A secret.")


def test_values_are_read() -> None:
    table = {"strict": True, "window": 2, "count": 3, "names": ["x"], "colour": "blue", "salt": "pepper"}
    assert read_options(Sample, table) == Sample(True, 2.0, 3, ("x",), Colour.BLUE, Secret(b"pepper"))
    assert read_options(Sample, {}) == Sample()
    assert read_options(Options, {}) == Options()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strict", 1),
        ("window", True),
        ("count", "3"),
        ("count", 1.5),
        ("names", "x"),
        ("names", [1]),
        ("colour", "green"),
    ],
)
def test_other_values_are_refused_unquoted(name: str, value: object) -> None:
    with pytest.raises(Misuse, match=f"^{name}: should be") as caught:
        read_options(Sample, {name: value})
    assert repr(value) not in str(caught.value)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(Misuse, match="is not an option here; there are: colour, count"):
        read_options(Sample, {"color": "red"})


def test_they_document_themselves() -> None:
    facts = {fact.name: (fact.type, fact.default) for fact in option_facts(Sample)}
    assert facts == {
        "strict": ("boolean", "false"),
        "window": ("number", "1.0"),
        "count": ("integer", "not set"),
        "names": ("list of strings", '["a"]'),
        "colour": ('"red" or "blue"', '"red"'),
        "salt": ("secret", "not set"),
    }
    assert is_secret(Sample, "salt")
    assert not is_secret(Sample, "names")


@pytest.mark.parametrize("name", DIALECTS)
def test_every_option_says_what_it_means(name: str) -> None:
    assert all(fact.meaning.endswith(".") for fact in option_facts(DIALECTS[name].options))

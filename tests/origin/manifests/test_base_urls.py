import pytest

from origin.manifests.base_urls import BaseUrls, Chains
from origin.manifests.markup import Element, read, walk
from origin.manifests.template import Malformed


def survey(body: str) -> tuple[BaseUrls, dict[str, Element]]:
    data = f"<MPD id='mpd'>{body}</MPD>".encode()
    mpd = read(data, frozenset())
    return BaseUrls(mpd, data), {element.value("id") or "": element for element in walk(mpd)}


def period(body: str) -> str:
    return f"<Period id='p'><AdaptationSet id='a'>{body}</AdaptationSet></Period>"


def chains(body: str, name: str) -> tuple[Chains, Chains, Chains]:
    base_urls, elements = survey(body)
    level = base_urls.level(elements[name])
    assert level is not None
    return level.outer, level.inner, level.served


def leaves(body: str) -> set[str]:
    base_urls, elements = survey(body)
    return {name for name, element in elements.items() if base_urls.is_leaf(element)}


TWO = "<BaseURL>x/</BaseURL><BaseURL>y/</BaseURL>"
NESTED = "<BaseURL>m/</BaseURL>" + period(f"{TWO}<Representation id='r'><BaseURL>r/</BaseURL></Representation>")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mpd", (((),), (("m/",),), (("m/", "x/", "r/"), ("m/", "y/", "r/")))),
        ("p", ((("m/",),), (("m/",),), (("m/", "x/", "r/"), ("m/", "y/", "r/")))),
        ("a", ((("m/",),), (("m/", "x/"), ("m/", "y/")), (("m/", "x/", "r/"), ("m/", "y/", "r/")))),
        ("r", ((("m/", "x/"), ("m/", "y/")),) + ((("m/", "x/", "r/"), ("m/", "y/", "r/")),) * 2),
    ],
)
def test_alternatives_multiply_from_level_to_level(name: str, expected: tuple[Chains, ...]) -> None:
    assert chains(NESTED, name) == expected


def test_an_absolute_base_makes_the_outer_ones_irrelevant() -> None:
    body = period(TWO + "<Representation id='r'><BaseURL>https://b.example/</BaseURL></Representation>")
    assert chains(body, "r")[1] == (("https://b.example/",),)


def test_a_level_without_representations_serves_its_own_references() -> None:
    assert chains("<BaseURL>m/</BaseURL><Period id='p'/>", "p")[2] == (("m/",),)


def test_what_is_inherited_serves_every_representation_once() -> None:
    other = "<Representation><BaseURL>b/</BaseURL></Representation>"
    body = "<BaseURL>a/</BaseURL>" + "<Representation/>" * 2 + other
    assert chains(period(body), "a")[2] == (("a/",), ("a/", "b/"))


def test_elements_that_open_no_level() -> None:
    base_urls, elements = survey("<Period><Extra id='x'><Representation id='r'/></Extra></Period>")
    assert base_urls.level(elements["x"]) is None
    assert base_urls.level(elements["r"]) is None


BASE = "<BaseURL>v.mp4</BaseURL>"
TEMPLATE = "<SegmentTemplate media='$Number$'/>"
UNNAMED = "<SegmentTemplate timescale='1'/>"
RANGES = "<SegmentTemplate media='m'><Initialization range='0-1'/></SegmentTemplate>"
FILES = "<SegmentList><Initialization sourceURL='i'/><SegmentURL media='1'/></SegmentList>"
FILE_AND_RANGE = "<SegmentList><SegmentURL media='1'/><SegmentURL mediaRange='0-1'/></SegmentList>"


def representation(*content: str, name: str = "r") -> str:
    return f"<Representation id='{name}'>{''.join(content)}</Representation>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (representation(BASE), {"r"}),
        (representation(BASE, "<SegmentBase/>"), {"r"}),
        (BASE + representation("<SegmentBase/>"), {"a"}),
        (BASE + representation("<BaseURL/><SegmentBase/>"), {"a"}),
        (BASE + representation(TWO), {"r"}),
        (BASE + representation(TWO, "<BaseURL> </BaseURL>"), {"a", "r"}),
        (representation(BASE, TEMPLATE), set()),
        (TEMPLATE + representation(BASE), set()),
        (TEMPLATE + representation(BASE, UNNAMED), set()),
        (UNNAMED + representation(BASE, TEMPLATE), set()),
        (UNNAMED + representation(BASE), {"r"}),
        (RANGES + representation(BASE), {"r"}),
        (FILES + representation(BASE), set()),
        (FILE_AND_RANGE + representation(BASE), {"r"}),
        (BASE + TEMPLATE + representation(name="1") + representation("<SegmentBase/>", name="2"), {"a"}),
        (BASE, set()),
    ],
)
def test_which_base_urls_address_media_themselves(body: str, expected: set[str]) -> None:
    assert leaves(period(body)) == expected


def test_alternatives_are_bounded() -> None:
    eight = "".join(f"<BaseURL>{i}/</BaseURL>" for i in range(8))
    assert len(chains(eight + period(eight), "a")[1]) == 64
    with pytest.raises(Malformed, match="base_urls_too_many"):
        survey(eight + period(eight + f"<Representation>{TWO}</Representation>"))


def test_alternatives_that_say_the_same_count_once() -> None:
    assert chains("<BaseURL>x/</BaseURL>" * 1000 + "<Period id='p'/>", "p")[1] == (("x/",),)


def test_all_chains_together_are_bounded() -> None:
    eight = "".join(f"<BaseURL>{i}/</BaseURL>" for i in range(8))
    period = f"<Period>{eight}<AdaptationSet>{eight}</AdaptationSet></Period>"
    with pytest.raises(Malformed, match="base_urls_too_many"):
        survey(period * 1500)


def test_the_representations_of_one_reference_are_bounded() -> None:
    many = "".join(f"<Representation><BaseURL>{i}/</BaseURL></Representation>" for i in range(1025))
    with pytest.raises(Malformed, match="base_urls_too_many"):
        survey(period(many))

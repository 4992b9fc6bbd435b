"""CMCD out of queries and header fields, and out of the way."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from origin.media.cmcd import (
    MAX_CHARACTERS,
    MAX_KEYS,
    MAX_NEXT_OBJECTS,
    Cmcd,
    NextObject,
    ObjectType,
    StreamingFormat,
    StreamType,
    of_fields,
    of_query,
    without_cmcd,
)


def said(text: str) -> Cmcd | None:
    """What a query with this text in its CMCD argument says."""
    return of_query("CMCD=" + quote(text, safe=""))


def test_every_key_of_version_1() -> None:
    text = (
        'bl=21300,br=3200,bs,cid="faec5fc2",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",'
        'nrr="12323-48763",ot=v,pr=1.08,rtp=12000,sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v,su,tb=6000,v=1'
    )
    assert said(text) == Cmcd(
        next_objects=(NextObject("../300kbps/track.m4v", (12323, 48763)),),
        next_range=(12323, 48763),
        object_type=ObjectType.VIDEO,
        is_startup=True,
        is_starved=True,
        session_id="6e2fb550-c457-11e9-bb97-0800200c9a66",
        content_id="faec5fc2",
        streaming_format=StreamingFormat.HLS,
        stream_type=StreamType.ON_DEMAND,
        encoded_bitrate=3200,
        top_bitrate=6000,
        buffer_length=21300,
        deadline=18500,
        object_duration=4004,
        measured_throughput=48100,
        requested_throughput=12000,
        playback_rate=1.08,
        version=1,
    )


def test_the_four_fields_are_one_dictionary() -> None:
    fields = [
        ("CMCD-Request", 'nor="2.m4s",su'),
        ("cmcd-object", "br=3200,ot=av"),
        ("Accept", "*/*"),
        ("CMCD-Session", 'sid="one"'),
        ("Cmcd-Status", "bs"),
        ("CMCD-Other", "tb=5"),
    ]
    assert of_fields(fields) == Cmcd(
        next_objects=(NextObject("2.m4s"),),
        object_type=ObjectType.MUXED,
        is_startup=True,
        is_starved=True,
        session_id="one",
        encoded_bitrate=3200,
    )
    assert of_fields([("Accept", "*/*"), ("CMCD-Request", " ")]) is None


def test_lists_and_parameters_of_version_2() -> None:
    found = said('v=2,br=(3200;v 128;a),nor=("2.m4s";r="0-99" "a%2Fb.m4s"),sta=p,ts=1760000000000,com.example-x="y"')
    assert found is not None
    assert (found.version, found.encoded_bitrate) == (2, 3200)
    assert found.next_objects == (NextObject("2.m4s", (0, 99)), NextObject("a%2Fb.m4s"))


def test_what_another_implementation_writes() -> None:
    """As encoded by @svta/common-media-library 0.18.1."""
    second = of_query(
        "CMCD=bl%3D21300%2Cbr%3D3200%2Cbs%2Ccid%3D%22faec5fc2%20%5C%22x%5C%5Cy%22%2Ccom.example-a%3D%22b%3Bc%2Cd%22"
        "%2Cnor%3D(%22a%20b.m4s%22%3Br%3D%220-99%22%20%22..%2Ftrack%20%C3%A4.m4v%3Fx%3D1%26y%22)%2Cot%3Dv%2Cpr%3D1.08"
        "%2Csf%3Dh%2Cst%3Dv%2Csu%2Ctb%3D6000%2Cv%3D2"
    )
    assert second is not None
    assert second.content_id == 'faec5fc2 "x\\y'
    assert second.next_objects == (NextObject("a b.m4s", (0, 99)), NextObject("../track ä.m4v?x=1&y"))
    first = of_fields(
        [
            ("CMCD-Request", 'bl=21300,com.example-a="b;c,d",nor="..%2Ftrack%20%C3%A4.m4v%3Fx%3D1%26y",nrr="12-34",su'),
            ("CMCD-Object", "br=3200,d=4004,ot=v,tb=6000"),
            ("CMCD-Status", "bs,rtp=12000"),
            ("CMCD-Session", 'cid="faec5fc2 \\"x\\\\y",pr=1.08,sf=h,sid="6e2fb550",st=v'),
        ]
    )
    assert first is not None
    assert first.next_objects == (NextObject("../track ä.m4v?x=1&y", (12, 34)),)
    assert (first.content_id, first.session_id, first.is_starved) == ('faec5fc2 "x\\y', "6e2fb550", True)


@pytest.mark.parametrize(
    ("text", "byte_range"),
    [("5-", (5, None)), ("-5", (None, 5)), ("0-0", (0, 0)), ("-", None), ("5-4", None), ("a-b", None), ("5", None)],
)
def test_ranges(text: str, byte_range: tuple[int | None, int | None] | None) -> None:
    assert said(f'nrr="{text}"') == Cmcd(next_range=byte_range)


@pytest.mark.parametrize(
    "text",
    ["ot=x", "ot=3", "su=?0", "su=yes", "sid=" + '"' + "x" * 65 + '"', 'sid=""', "sid=7", "br=-1", "br=?1", 'br="5"'],
)
def test_what_makes_no_sense_is_not_said(text: str) -> None:
    assert said(text) == Cmcd()


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "su,",
        ",su",
        "su su",
        "=1",
        "br=",
        "br=1e5",
        "br=1.",
        'sid="open',
        'sid="a\\b"',
        'sid="\x7f"',
        'sid="a\nb"',
        'nor=("a"',
        'nor=("a""b")',
        "nor=((1))",
        "su;",
        "?1",
        "br=" + "9" * 16,
        'sid="' + "x" * MAX_CHARACTERS + '"',
        ",".join(f"k{number}" for number in range(MAX_KEYS + 1)),
        "nor=(" + "1 " * 40 + ")",
    ],
)
def test_what_breaks_the_grammar_or_a_bound_says_nothing(text: str) -> None:
    assert said(text) is None


@pytest.mark.parametrize(
    "query", ["", "a=1", "CMCD", "CMCD=", "cmcd=su", "CMCD=su&CMCD=su", "CMCD=%FF", "CMCD=%", "CMCD=ä", "xCMCD=su"]
)
def test_queries_that_say_nothing(query: str) -> None:
    assert of_query(query) is None


def test_next_objects_are_few_and_decoded_once() -> None:
    many = " ".join(f'"{number}.ts"' for number in range(MAX_NEXT_OBJECTS + 3))
    found = said(f"nor=({many})")
    assert found is not None
    assert len(found.next_objects) == MAX_NEXT_OBJECTS
    once = said('nor="a%252Fb"')
    assert once == Cmcd(next_objects=(NextObject("a%2Fb"),))
    assert said('nor="%FF"') == Cmcd()


@given(st.text(max_size=60), st.text(alphabet='abnorsu="\\;,() ?1-.%', max_size=60))
@example("CMCD=%ud", "nor")
def test_nothing_raises(query: str, text: str) -> None:
    of_query(query)
    of_query("CMCD=" + text)
    of_fields([("cmcd-request", query), ("cmcd-object", text)])
    said(text)


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("", ""),
        ("CMCD=su", ""),
        ("CMCD", ""),
        ("a=1&CMCD=bl%3D1&b=%2f", "a=1&b=%2f"),
        ("CMCD=1&a&CMCD=2", "a"),
        ("a=CMCD&xCMCD=1&CMCDx=2&cmcd=3", "a=CMCD&xCMCD=1&CMCDx=2&cmcd=3"),
        ("&CMCD=1&&", "&&"),
    ],
)
def test_without_cmcd(query: str, rest: str) -> None:
    assert without_cmcd(query) == rest


PIECES = st.one_of(
    st.text(alphabet="aCMD=%+;/?ä", max_size=8), st.text(max_size=8), st.sampled_from(["", "CMCD", "CMCD=su", "CMCDx"])
).filter(lambda piece: "&" not in piece)


@given(st.lists(PIECES, min_size=1, max_size=8))
def test_without_cmcd_takes_out_nothing_else(pieces: list[str]) -> None:
    kept = [piece for piece in pieces if piece != "CMCD" and not piece.startswith("CMCD=")]
    rest = without_cmcd("&".join(pieces))
    assert rest == "&".join(kept)
    assert without_cmcd(rest) == rest
    if len(kept) == len(pieces):
        assert rest == "&".join(pieces)

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from origin.manifests.dash import MpdTemplate, compile_mpd
from origin.manifests.references import resolve
from origin.manifests.template import TOKEN, Malformed, Quoting, Slot

NS = "urn:mpeg:dash:schema:mpd:2011"
SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "dash").glob("*.mpd"))
samples = pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)


def mpd(body: str = "", attributes: str = "") -> bytes:
    return f'<MPD xmlns="{NS}" {attributes}>{body}</MPD>'.encode()


def video(*content: str) -> str:
    return f"<Period><AdaptationSet>{''.join(content)}</AdaptationSet></Period>"


TEMPLATE = '<SegmentTemplate media="$Number$.m4s" initialization="i.mp4"/><Representation/>'


def sample(name: str) -> MpdTemplate:
    (path,) = [path for path in SAMPLES if path.stem == name]
    return compile_mpd(path.read_bytes())


def slots(data: bytes) -> list[tuple[str, str]]:
    return [(slot.where, slot.uri) for slot in compile_mpd(data).template.slots]


@samples
def test_the_identity_gives_back_every_byte(path: Path) -> None:
    data = path.read_bytes()
    template = compile_mpd(data).template
    assert template.render(lambda _: None) == data
    assert template.splice(lambda _: None).render(b"") == data


def text_of(element: etree._Element) -> str:
    return "".join([element.text or "", *(child.tail or "" for child in element)])


Values = dict[tuple[str, str], str]


def values(data: bytes) -> Values:
    """Every attribute and text of a document as lxml sees it, by where it stands; blanks collapsed."""
    root = etree.fromstring(data)
    tree = root.getroottree()
    found: Values = {}
    for element in root.iter(etree.Element):
        path = tree.getpath(element)
        texts = {str(name): str(value) for name, value in element.attrib.items()}
        texts["text()"] = text_of(element)
        found |= {(path, name): re.sub("[ \\t\\r\\n]+", " ", text).strip(" ") for name, text in texts.items()}
    return found


NASTY = "?<&\"'>]]>;"


@samples
def test_only_slots_change_and_the_document_stays_well_formed(path: Path) -> None:
    data = path.read_bytes()
    template = compile_mpd(data).template
    touched = [slot for slot in template.slots if not slot.is_opaque]
    before = values(data)
    after = values(template.render(lambda slot: f"\u2603{touched.index(slot)}{NASTY}"))
    marks = re.compile(f"\u2603([0-9]+){re.escape(NASTY)}")
    restored = {place: marks.sub(lambda mark: touched[int(mark[1])].uri, text) for place, text in after.items()}
    assert restored == before
    assert sum(len(marks.findall(text)) for text in after.values()) == len(touched)


# What looks like a URI to somebody who knows nothing of DASH, and where clients do not fetch it.
URI_LIKE = re.compile(r"[^ ]*(?:/|\.(?:m4s|mp4|mpd|mpp|xml|vtt|sidx)\b)[^ ]*")
NOT_FETCHED = {
    "schemeIdUri",
    "mimeType",
    "frameRate",
    "moreInformationURL",
    "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation",
    "id",
}
PAYLOADS = {"{urn:mpeg:cenc:2013}pssh", "{http://www.scte.org/schemas/35/2016}Binary", "{urn:vendor}BaseURL"}


def uri_like(data: bytes) -> Iterator[str]:
    for element in etree.fromstring(data).iter(etree.Element):
        if element.tag not in PAYLOADS:
            yield from URI_LIKE.findall(" ".join(text_of(element).split()))
            for name, value in element.attrib.items():
                if name not in NOT_FETCHED:
                    yield from URI_LIKE.findall(str(value).strip())


@samples
def test_another_parser_finds_no_uri_that_was_missed(path: Path) -> None:
    data = path.read_bytes()
    found = {slot.uri for slot in compile_mpd(data).template.slots}
    others = set(uri_like(data))
    assert others
    assert others <= found


def test_every_slot_of_a_live_mpd() -> None:
    base = (("live/ch1/",),)
    found = [(slot.where, slot.uri, slot.bases) for slot in sample("template-timeline").template.slots]
    assert found[:8] == [
        ("BaseURL", "live/ch1/", ()),
        ("Location", "https://origin.example/live/ch1/manifest.mpd?x=1&y=2", ()),
        ("PatchLocation", "manifest.mpp?publishTime=2026-01-01T00%3A00%3A00Z", ()),
        ("Laurl", "/license/clearkey?a=1&b=2", base),
        ("Laurl", "https://drm.example/wv", base),
        ("laurl@licenseUrl", "https://drm.example/pr?c=1", base),
        ("SegmentTemplate@media", "$RepresentationID$/$Time$.m4s", base),
        ("SegmentTemplate@initialization", "$RepresentationID$/init.mp4", base),
    ]
    assert found[10:] == [
        ("UTCTiming@value", "/time", ()),
        ("UTCTiming@value", "https://time.example/iso?x&y", ()),
    ]


def test_every_slot_of_a_segment_list() -> None:
    low_and_high = (("p1/", "low/"), ("p1/", "high/"), ("https://b.example/high/",))
    found = sample("segment-list").template.slots
    assert [(slot.where, slot.uri) for slot in found if slot.bases == low_and_high] == [
        ("Initialization@sourceURL", "init.mp4"),
        ("BitstreamSwitching@sourceURL", "bs.mp4"),
        ("SegmentURL@media", "1.m4s"),
        ("SegmentURL@index", "1.sidx"),
        ("SegmentURL@media", "../2.m4s"),
    ]
    assert [slot.where for slot in found if slot.bases == ((), ("/audio/",))] == [
        "SegmentTemplate@media",
        "SegmentTemplate@initialization",
        "SegmentTemplate@index",
        "SegmentTemplate@bitstreamSwitching",
    ]


def test_every_slot_of_remote_elements() -> None:
    found = sample("remote").template.slots
    assert [(slot.where, slot.uri) for slot in found if not slot.where.startswith("Segment")] == [
        ("BaseURL", "base/"),
        ("ContentSteering", "https://steering.example/dash?a=1&b=2"),
        ("InitializationSet@initialization", "shared/init.mp4"),
        ("Period@xlink:href", "ads/period.xml?avail=1&x=2"),
        ("Period@xlink:href", "urn:mpeg:dash:resolve-to-zero:2013"),
        ("ImportedMPD", "https://ads.example/ad.mpd"),
        ("AdaptationSet@xlink:href", "as/video.xml"),
        ("Initialization@sourceURL", "i.mp4"),
        ("SupplementalProperty@value", "https://other.example/a.mpd"),
        ("SupplementalProperty@value", "/b.mpd"),
    ]
    assert [slot.uri for slot in found if slot.is_opaque] == ["urn:mpeg:dash:resolve-to-zero:2013"]
    for slot in found:
        assert slot.bases == (() if slot.where in ("BaseURL", "SupplementalProperty@value") else (("base/",),))


def test_base_urls_that_address_media_are_leaves() -> None:
    found = [(slot.uri, slot.is_leaf) for slot in sample("on-demand").template.slots if slot.where == "BaseURL"]
    assert found == [
        ("https://cdn-a.example/vod/", False),
        ("//cdn-b.example/vod/", False),
        ("backup/", False),
        ("v1.mp4", True),
        ("v2.mp4?q=1&r=2", True),
        ("subs/en.vtt", True),
    ]


def test_slots_resolve_to_where_the_player_goes() -> None:
    slot = next(slot for slot in sample("on-demand").template.slots if slot.uri == "v1.mp4")
    found = resolve("/vod/x/a.mpd", slot.bases, slot.reference)
    assert found.own_paths == ("/vod/x/backup/v1.mp4",)
    assert found.authorities == ("cdn-a.example", "cdn-b.example")


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ("a&amp;b&#x26;c&#38;d", "a&b&c&d"),
        ("<![CDATA[a&b]]>", "a&b"),
        ("<![CDATA[a]]>b<![CDATA[c]]>", "abc"),
        ("\n  a/\n", "a/"),
        ("a\n\t b", "a b"),
        ("a<!-- b -->c", "ac"),
        ("", ""),
        ("&#32;a&#10;", "a"),
    ],
)
def test_text_is_decoded_and_replaced_whole(source: str, uri: str) -> None:
    data = mpd(f"<BaseURL>{source}</BaseURL>")
    template = compile_mpd(data).template
    (slot,) = template.slots
    assert (slot.uri, slot.quoting, slot.raw.decode()) == (uri, Quoting.XML_TEXT, source.strip())
    assert template.render(lambda _: "x&y").count(b"x&amp;y") == 1
    assert etree.fromstring(template.render(lambda _: "x&y"))[0].text.strip() == "x&y"  # type: ignore[union-attr]


def test_a_splice_is_one_join_and_escapes_the_token() -> None:
    template = compile_mpd(mpd(video(TEMPLATE))).template
    spliced = template.splice(lambda slot: f"{slot.uri}?t={TOKEN}&n=1")
    assert spliced.render(b"a&b") == template.render(lambda slot: f"{slot.uri}?t=a&b&n=1")
    assert len(spliced.parts) == 3


def test_namespaces_count_and_prefixes_do_not() -> None:
    assert [slot.where for slot in sample("prefixed").template.slots] == [
        "BaseURL",
        "SegmentTemplate@media",
        "SegmentTemplate@initialization",
    ]
    assert slots(b"<MPD><BaseURL>a</BaseURL></MPD>") == [("BaseURL", "a")]
    assert slots(mpd().replace(b"dash:schema:mpd", b"DASH:schema:MPD")) == []
    assert slots(mpd('<BaseURL xmlns="urn:x">a</BaseURL>')) == []


@pytest.mark.parametrize(
    "body",
    [
        '<Period><EventStream><Event><BaseURL>a</BaseURL><x xmlns:l="http://www.w3.org/1999/xlink"'
        ' l:href="b"/></Event></EventStream></Period>',
        '<v:x xmlns:v="urn:v"><BaseURL>a</BaseURL></v:x>',
        "<Period><Location>a</Location></Period>",
        "<BaseURL/>",
        '<UTCTiming schemeIdUri="urn:mpeg:dash:utc:ntp:2014" value="ntp.example/x"/>',
        '<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014"/>',
        '<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value=" "/>',
    ],
)
def test_what_is_not_the_mpds_own_stays_untouched(body: str) -> None:
    assert slots(mpd(body)) == []


def test_xlink_is_found_on_any_element() -> None:
    body = '<v:x xmlns:v="urn:v" xmlns:l="http://www.w3.org/1999/xlink"><v:y l:href="b"/></v:x>'
    assert slots(mpd(body)) == [("y@xlink:href", "b")]


def test_the_facts() -> None:
    live = sample("template-timeline")
    assert (live.is_live, live.id, live.publish_time) == (True, "ch1", "2026-01-01T00:00:00Z")
    assert (live.minimum_update_period, live.time_shift_buffer_depth, live.max_segment_duration) == (
        2,
        90.5,
        2,
    )
    assert live.duration is None
    on_demand = sample("on-demand")
    assert (on_demand.is_live, on_demand.minimum_update_period, on_demand.duration) == (False, None, 3723.5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT0S", 0), ("PT2.5S", 2.5), ("PT1H2M3S", 3723), ("P1DT1S", 86_401), ("P1Y2M", 31_536_000 + 5_184_000)],
)
def test_durations(text: str, seconds: float) -> None:
    assert compile_mpd(mpd(attributes=f'minimumUpdatePeriod="{text}"')).minimum_update_period == seconds


MALFORMED = {
    "another root": (b"<SmoothStreamingMedia/>", "not_an_mpd"),
    "another namespace": (b'<MPD xmlns="urn:x"/>', "not_an_mpd"),
    "a patch": (b'<Patch xmlns="urn:mpeg:dash:schema:mpd-patch:2020"/>', "not_an_mpd"),
    "type": (mpd(attributes='type="both"'), "mpd_type_invalid"),
    "element in a URL": (mpd("<BaseURL>a<b/></BaseURL>"), "element_unexpected"),
    "instruction in a URL": (mpd("<BaseURL>a<?b?></BaseURL>"), "processing_instruction"),
    "backslash": (mpd("<BaseURL>a\\b</BaseURL>"), "reference_invalid"),
    "no authority": (mpd("<BaseURL>https:///b</BaseURL>"), "reference_invalid"),
    "long text": (mpd(f"<BaseURL>{'a' * 40_000}</BaseURL>"), "too_large"),
    "an id that could choose the server": (
        mpd(video('<SegmentTemplate media="$RepresentationID$/1"/><Representation id="https://evil.example"/>')),
        "template_unresolved",
    ),
    "an id that could make a second slash": (
        mpd(video('<SegmentTemplate media="/$RepresentationID$/1"/><Representation id="/evil.example"/>')),
        "template_unresolved",
    ),
    "alternatives": (mpd("".join(f"<BaseURL>{i}</BaseURL>" for i in range(65))), "base_urls_too_many"),
    "hidden blanks in a list": (
        mpd('<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="a&#32;b"/>'),
        "url_list_invalid",
    ),
    "doctype": (b"<!DOCTYPE MPD>" + mpd(), "doctype"),
}
NOT_DURATIONS = ["", "P", "PT", "2", "PT2", "-PT2S", "P1S", "PT1.5M", f"PT{'9' * 20}S", "P1DT", "PT1S ½"]
MALFORMED |= {
    f"duration {text}": (mpd(attributes=f'minimumUpdatePeriod="{text}"'), "duration_invalid") for text in NOT_DURATIONS
}


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        compile_mpd(data)
    assert caught.value.reason == reason


def test_an_id_may_look_like_a_url_where_it_cannot_choose_the_server() -> None:
    data = mpd(video('<SegmentTemplate media="x/$RepresentationID$"/><Representation id="a://b"/>'))
    assert slots(data) == [("SegmentTemplate@media", "x/$RepresentationID$")]


def own(slot: Slot) -> bool:
    return resolve("/vod/a.mpd", slot.bases, slot.reference).is_own


DECLARATION = (
    f'<EssentialProperty xmlns="{NS}" schemeIdUri="urn:mpeg:dash:urlparam:2014">'
    '<up:UrlQueryInfo xmlns:up="urn:mpeg:dash:schema:urlparam:2014"'
    ' queryTemplate="$querypart$" useMPDUrlQuery="true"/></EssentialProperty>'
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", TEMPLATE),
        ("<!-- x --><ContentProtection><x:y xmlns:x='urn:x'/></ContentProtection>", f"<Role/>{TEMPLATE}"),
        (
            "<FramePacking/><AudioChannelConfiguration/><EssentialProperty/>",
            f"<SupplementalProperty/>{TEMPLATE}",
        ),
    ],
)
def test_annex_i_is_declared_where_the_schema_allows(before: str, after: str) -> None:
    template = compile_mpd(mpd(video(before, after)))
    assert template.annex_i(own) == mpd(video(before, DECLARATION, after))


def test_annex_i_is_declared_in_every_adaptation_set_that_has_content() -> None:
    data = mpd(video(TEMPLATE) * 2 + "<Period><AdaptationSet/></Period>")
    assert compile_mpd(data).annex_i(own) == mpd(video(DECLARATION, TEMPLATE) * 2 + "<Period><AdaptationSet/></Period>")


def test_annex_i_speaks_the_namespace_of_the_mpd() -> None:
    for name in ("prefixed", "no-namespace", "odd-markup"):
        template = sample(name)
        root = etree.fromstring(template.annex_i(lambda slot: slot.where != "BaseURL"))
        namespace = f"{{{template.namespace}}}" if template.namespace else ""
        (found,) = root.iter(f"{namespace}EssentialProperty")
        parent = found.getparent()
        assert parent is not None
        assert parent.tag == f"{namespace}AdaptationSet"
        assert [child.tag for child in found] == ["{urn:mpeg:dash:schema:urlparam:2014}UrlQueryInfo"]


def test_annex_i_is_not_declared_twice() -> None:
    data = mpd(video(DECLARATION, TEMPLATE) + video(TEMPLATE))
    rendered = compile_mpd(data).annex_i(own)
    assert rendered == mpd(video(DECLARATION, TEMPLATE) * 2)
    assert compile_mpd(rendered).annex_i(own) == rendered


def test_annex_i_is_not_declared_where_nothing_is_covered() -> None:
    data = mpd("<BaseURL>https://b.example/</BaseURL>" + video(TEMPLATE))
    assert compile_mpd(data).annex_i(own) == data


OTHER = DECLARATION.replace("$querypart$", "a=$query:a$")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (video(TEMPLATE) + video("<BaseURL>https://b.example/</BaseURL>", TEMPLATE), "annex_i_mixed"),
        ("<Location>/x.mpd</Location>" + video(TEMPLATE), "annex_i_unreached"),
        ('<InitializationSet initialization="x"/>' + video(TEMPLATE), "annex_i_unreached"),
        (video(OTHER, TEMPLATE), "annex_i_conflict"),
        (video(TEMPLATE, f"<Representation>{DECLARATION}</Representation>"), "annex_i_conflict"),
        (DECLARATION + video(TEMPLATE), "annex_i_conflict"),
    ],
)  # fmt: skip
def test_what_annex_i_cannot_protect(body: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        compile_mpd(mpd(body)).annex_i(own)
    assert caught.value.reason == reason


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="<&]\\\ufffe\uffff"), max_size=8)
BLANK = st.sampled_from(["", " ", "\n", "\r\n\t"])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """MPDs whose values, blanks, quotes and order nobody chose."""

    def attribute(name: str) -> str:
        quote = draw(st.sampled_from("'\""))
        value = draw(TEXT).replace(quote, "")
        return f" {draw(BLANK)}{name}{draw(BLANK)}={draw(BLANK)}{quote}{draw(BLANK)}{value}{quote}"

    def element(name: str, attributes: list[str], *content: str) -> str:
        tag = name + "".join(attribute(one) for one in draw(st.permutations(attributes))) + draw(BLANK)
        inner = draw(BLANK).join(content)
        return f"<{tag}>{inner}</{name}{draw(BLANK)}>" if inner or draw(st.booleans()) else f"<{tag}/>"

    def base() -> str:
        wrapped = draw(st.sampled_from(["{}", "<![CDATA[{}]]>", "<!-- x -->{}", "&#x41;{}"]))
        return element("BaseURL", ["serviceLocation"], wrapped.format(draw(TEXT))) if draw(st.booleans()) else ""

    template = element("SegmentTemplate", draw(st.permutations(["media", "initialization", "x"])))
    urls = [element("SegmentURL", ["media"]) for _ in range(draw(st.integers(0, 3)))]
    representation = element("Representation", ["id"], base(), element("SegmentList", [], *urls), template)
    period = element("Period", [], base(), element("AdaptationSet", ["lang"], base(), representation))
    return f'{draw(BLANK).strip()}<MPD xmlns="{NS}"{draw(BLANK)}>{base()}{period}</MPD>'.encode()


@given(documents())
def test_any_mpd_is_refused_or_comes_back_byte_for_byte(data: bytes) -> None:
    try:
        template = compile_mpd(data).template
    except Malformed as error:
        assert error.reason == "reference_invalid"  # noqa: PT017
        return
    assert template.render(lambda _: None) == data
    before, after = values(data), values(template.render(lambda _: "\u2603"))
    differing = [place for place in before if before[place] != after[place]]
    assert all(after[place] == "\u2603" for place in differing)
    assert len(differing) == sum(not slot.is_opaque for slot in template.slots)


@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_mpd_is_refused_or_comes_back_byte_for_byte(path: Path, data: st.DataObject) -> None:
    source = path.read_bytes()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(source))] * 2)))
    patch = data.draw(st.sampled_from([b"", b"&amp;", b"<BaseURL>", b"/>", b"'", b'"', b"<!--", b"]]>", b"\xc3"]))
    damaged = source[:start] + patch + source[min(end, start + 20) :]
    try:
        template = compile_mpd(damaged).template
    except Malformed:
        return
    assert template.render(lambda _: None) == damaged

from __future__ import annotations

import pytest

from origin.storage.bucket_url import (
    BadBucketUrl,
    BucketPlace,
    BucketScheme,
    check_endpoint,
    parse_bucket_url,
    virtual_endpoint,
)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://media", BucketPlace(BucketScheme.S3, "media")),
        ("s3://media/", BucketPlace(BucketScheme.S3, "media")),
        ("S3://media/vod", BucketPlace(BucketScheme.S3, "media", "vod")),
        ("gs://my_bucket.example.com/a/b/", BucketPlace(BucketScheme.GCS, "my_bucket.example.com", "a/b")),
        ("az://$web/x", BucketPlace(BucketScheme.AZURE, "$web", "x")),
        ("s3://media/vod%20%C3%BC/a%2Bb", BucketPlace(BucketScheme.S3, "media", "vod ü/a+b")),
        ("s3://media/vod ü+", BucketPlace(BucketScheme.S3, "media", "vod ü+")),
        ("s3://media/100%25", BucketPlace(BucketScheme.S3, "media", "100%")),
    ],
)
def test_places(url: str, place: BucketPlace) -> None:
    assert parse_bucket_url(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3:",
        "s3:media/secret",
        "s3://",
        "s3:///secret",
        "s3://key:secret@media",
        "s3://secret@media",
        "s3://media:9000/secret",
        "s3://-secret",
        "s3://med ia/secret",
        "s3://media/secret?x",
        "s3://media/secret#x",
        "s3://media/secret//x",
        "s3://media//secret",
        "s3://media/secret//",
        "s3://media/secret/../x",
        "s3://media/%2e%2e/secret",
        "s3://media/secret%00",
        "s3://media/secret%ff",
        "s3://media/\ud800secret",
        "s3a://media/secret",
        "https://media.example/secret",
    ],
    ids=ascii,
)
def test_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(BadBucketUrl) as caught:
        parse_bucket_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://s3.example",
        "https://127.0.0.1:9000",
        "https://[::1]:9000",
        "https://s3.example/path",
        "HTTPS://a-b_c.d",
    ],
)
def test_endpoints(endpoint: str) -> None:
    check_endpoint(endpoint, allow_http=False)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "secret.example",
        "//secret.example",
        "ftp://secret.example",
        "https://",
        "https://:9000",
        "https://user:secret@s3.example",
        "https://secret@s3.example",
        "https://s3.example?secret",
        "https://s3.example#secret",
        "https://s3.example:secret",
        "https://s3.example:0/secret",
        "https://s3.example:99999/secret",
        "https://secret s3.example",
        "https://[secret",
    ],
)
def test_endpoints_that_are_none(endpoint: str) -> None:
    with pytest.raises(BadBucketUrl) as caught:
        check_endpoint(endpoint, allow_http=True)
    assert "secret" not in str(caught.value)


def test_http_has_to_be_allowed() -> None:
    with pytest.raises(BadBucketUrl, match="not encrypted"):
        check_endpoint("http://s3.example", allow_http=False)
    check_endpoint("http://s3.example", allow_http=True)


def test_the_bucket_becomes_a_part_of_the_host() -> None:
    assert virtual_endpoint("https://s3.example:9000/x", "media") == "https://media.s3.example:9000/x"

"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth.carriage import Carriage, Transport
from auth.dialects import (
    akamai,
    alibaba,
    aws_smd,
    bunny,
    cat,
    cdn77,
    cloud_cdn,
    cloudflare,
    cloudflare_stream,
    cloudfront,
    fastly,
    gcore,
    jwt,
    keycdn,
    media_cdn,
    mux,
    secure_link,
    session,
    uri_signing,
    url_sig,
)
from auth.dialects.dialect import Dialect, Spec

__all__ = ["DIALECTS", "Dialect", "Spec"]

DIALECTS: dict[str, Spec] = {
    akamai.NAME: Spec(akamai.Akamai, akamai.AkamaiOptions, akamai.CARRIAGE),
    cloud_cdn.NAME: Spec(cloud_cdn.CloudCdn, cloud_cdn.CloudCdnOptions, cloud_cdn.CARRIAGE),
    aws_smd.NAME: Spec(lambda _options: aws_smd.AwsSmd(), carriage=aws_smd.CARRIAGE),
    cloudflare.NAME: Spec(cloudflare.Cloudflare, cloudflare.CloudflareOptions, cloudflare.CARRIAGE, is_for_urls=True),
    cloudflare_stream.NAME: Spec(
        lambda _options: cloudflare_stream.CloudflareStream(), carriage=cloudflare_stream.CARRIAGE
    ),
    cloudfront.NAME: Spec(cloudfront.CloudFront, cloudfront.CloudFrontOptions, cloudfront.CARRIAGE),
    cat.NAME: Spec(cat.Cat, cat.CatOptions, cat.CARRIAGE),
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    uri_signing.NAME: Spec(uri_signing.UriSigning, uri_signing.UriSigningOptions, uri_signing.CARRIAGE),
    media_cdn.NAME: Spec(media_cdn.MediaCdn, media_cdn.MediaCdnOptions, media_cdn.CARRIAGE),
    alibaba.NAME: Spec(
        alibaba.alibaba,
        alibaba.AlibabaOptions,
        Carriage("auth_key", frozenset({Transport.PATH, Transport.QUERY})),
        is_for_urls=True,
    ),
    bunny.NAME: Spec(bunny.Bunny, bunny.BunnyOptions, Carriage("token", frozenset({Transport.PATH, Transport.QUERY}))),
    cdn77.NAME: Spec(
        lambda _options: cdn77.Cdn77(), carriage=Carriage("secure", frozenset({Transport.PATH, Transport.QUERY}))
    ),
    fastly.NAME: Spec(
        fastly.Fastly, fastly.FastlyOptions, Carriage("token", frozenset({Transport.QUERY})), is_for_urls=True
    ),
    gcore.NAME: Spec(gcore.Gcore, gcore.GcoreOptions, Carriage("md5", frozenset({Transport.QUERY})), is_for_urls=True),
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    keycdn.NAME: Spec(
        lambda _options: keycdn.KeyCdn(), carriage=Carriage("token", frozenset({Transport.QUERY})), is_for_urls=True
    ),
    secure_link.NAME: Spec(
        secure_link.secure_link,
        secure_link.SecureLinkOptions,
        Carriage("md5", frozenset({Transport.PATH, Transport.QUERY, Transport.COOKIE})),
    ),
    mux.NAME: Spec(mux.Mux, mux.MuxOptions, mux.CARRIAGE),
    url_sig.NAME: Spec(url_sig.UrlSig, url_sig.UrlSigOptions, url_sig.CARRIAGE, is_for_urls=True),
    session.NAME: Spec(lambda _options: session.Session(), is_internal=True),
}

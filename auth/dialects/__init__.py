"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth import signed_urls
from auth.carriage import Carriage, Transport
from auth.dialects import (
    access_control,
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
    edgio,
    fastly,
    gcore,
    jwt,
    keycdn,
    media_cdn,
    mux,
    ovenmedia,
    secure_link,
    session,
    uri_signing,
    url_sig,
    wowza,
)
from auth.dialects.dialect import Dialect, Spec

__all__ = ["DIALECTS", "Dialect", "Spec"]

DIALECTS: dict[str, Spec] = {
    access_control.NAME: Spec(lambda _options: access_control.AccessControl(), carriage=access_control.CARRIAGE),
    akamai.NAME: Spec(akamai.Akamai, akamai.AkamaiOptions, akamai.CARRIAGE),
    alibaba.NAME: Spec(
        alibaba.alibaba,
        alibaba.AlibabaOptions,
        Carriage("auth_key", frozenset({Transport.PATH, Transport.QUERY})),
        is_for_urls=True,
        reads=frozenset({"KEY1", "KEY2", "sign", "time"}),
    ),
    aws_smd.NAME: Spec(lambda _options: aws_smd.AwsSmd(), carriage=aws_smd.CARRIAGE),
    bunny.NAME: Spec(
        bunny.Bunny,
        bunny.BunnyOptions,
        Carriage("token", frozenset({Transport.PATH, Transport.QUERY})),
        reads=bunny.READS,
    ),
    cat.NAME: Spec(cat.Cat, cat.CatOptions, cat.CARRIAGE),
    cdn77.NAME: Spec(
        lambda _options: cdn77.Cdn77(), carriage=Carriage("secure", frozenset({Transport.PATH, Transport.QUERY}))
    ),
    cloud_cdn.NAME: Spec(
        cloud_cdn.CloudCdn, cloud_cdn.CloudCdnOptions, cloud_cdn.CARRIAGE, reads=frozenset(signed_urls.NAMES)
    ),
    cloudflare.NAME: Spec(cloudflare.Cloudflare, cloudflare.CloudflareOptions, cloudflare.CARRIAGE, is_for_urls=True),
    cloudflare_stream.NAME: Spec(
        lambda _options: cloudflare_stream.CloudflareStream(), carriage=cloudflare_stream.CARRIAGE
    ),
    cloudfront.NAME: Spec(
        cloudfront.CloudFront, cloudfront.CloudFrontOptions, cloudfront.CARRIAGE, reads=cloudfront.READS
    ),
    edgio.NAME: Spec(lambda _options: edgio.Edgio(), carriage=Carriage("ectoken", frozenset({Transport.QUERY}))),
    fastly.NAME: Spec(
        fastly.Fastly, fastly.FastlyOptions, Carriage("token", frozenset({Transport.QUERY})), is_for_urls=True
    ),
    gcore.NAME: Spec(
        gcore.Gcore,
        gcore.GcoreOptions,
        Carriage("md5", frozenset({Transport.QUERY})),
        is_for_urls=True,
        reads=frozenset({gcore.Gcore.time_name}),
    ),
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    keycdn.NAME: Spec(
        lambda _options: keycdn.KeyCdn(),
        carriage=Carriage("token", frozenset({Transport.QUERY})),
        is_for_urls=True,
        reads=frozenset({keycdn.KeyCdn.time_name}),
    ),
    media_cdn.NAME: Spec(
        media_cdn.MediaCdn, media_cdn.MediaCdnOptions, media_cdn.CARRIAGE, reads=frozenset(signed_urls.NAMES)
    ),
    mux.NAME: Spec(mux.Mux, mux.MuxOptions, mux.CARRIAGE),
    ovenmedia.NAME: Spec(
        ovenmedia.OvenMedia,
        ovenmedia.OvenMediaOptions,
        Carriage("signature", frozenset({Transport.QUERY})),
        is_for_urls=True,
    ),
    secure_link.NAME: Spec(
        secure_link.secure_link,
        secure_link.SecureLinkOptions,
        Carriage("md5", frozenset({Transport.PATH, Transport.QUERY, Transport.COOKIE})),
    ),
    session.NAME: Spec(lambda _options: session.Session(), is_internal=True),
    uri_signing.NAME: Spec(uri_signing.UriSigning, uri_signing.UriSigningOptions, uri_signing.CARRIAGE),
    url_sig.NAME: Spec(url_sig.UrlSig, url_sig.UrlSigOptions, url_sig.CARRIAGE, is_for_urls=True, reads=url_sig.READS),
    wowza.NAME: Spec(wowza.Wowza, wowza.WowzaOptions, Carriage("wowzatokenhash", frozenset({Transport.QUERY}))),
}

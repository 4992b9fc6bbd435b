"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth.carriage import Carriage, Transport
from auth.dialects import alibaba, bunny, cdn77, edgio, fastly, gcore, jwt, keycdn, ovenmedia, secure_link, wowza
from auth.dialects.dialect import Dialect, Spec

__all__ = ["DIALECTS", "Dialect", "Spec"]

DIALECTS: dict[str, Spec] = {
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
    edgio.NAME: Spec(lambda _options: edgio.Edgio(), carriage=Carriage("ectoken", frozenset({Transport.QUERY}))),
    fastly.NAME: Spec(
        fastly.Fastly, fastly.FastlyOptions, Carriage("token", frozenset({Transport.QUERY})), is_for_urls=True
    ),
    gcore.NAME: Spec(gcore.Gcore, gcore.GcoreOptions, Carriage("md5", frozenset({Transport.QUERY})), is_for_urls=True),
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    keycdn.NAME: Spec(
        lambda _options: keycdn.KeyCdn(), carriage=Carriage("token", frozenset({Transport.QUERY})), is_for_urls=True
    ),
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
    wowza.NAME: Spec(wowza.Wowza, wowza.WowzaOptions, Carriage("wowzatokenhash", frozenset({Transport.QUERY}))),
}

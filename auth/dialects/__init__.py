"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth.dialects import access_control, jwt, uri_signing, url_sig
from auth.dialects.dialect import Dialect, Spec

__all__ = ["DIALECTS", "Dialect", "Spec"]

DIALECTS: dict[str, Spec] = {
    access_control.NAME: Spec(lambda _options: access_control.AccessControl(), carriage=access_control.CARRIAGE),
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    uri_signing.NAME: Spec(uri_signing.UriSigning, uri_signing.UriSigningOptions, uri_signing.CARRIAGE),
    url_sig.NAME: Spec(url_sig.UrlSig, url_sig.UrlSigOptions, url_sig.CARRIAGE, is_for_urls=True),
}

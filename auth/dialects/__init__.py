"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth.dialects import aws_smd, cloudflare, cloudflare_stream, cloudfront, jwt, mux
from auth.dialects.dialect import Dialect, Spec

__all__ = ["DIALECTS", "Dialect", "Spec"]

DIALECTS: dict[str, Spec] = {
    aws_smd.NAME: Spec(lambda _options: aws_smd.AwsSmd(), carriage=aws_smd.CARRIAGE),
    cloudflare.NAME: Spec(cloudflare.Cloudflare, cloudflare.CloudflareOptions, cloudflare.CARRIAGE, is_for_urls=True),
    cloudflare_stream.NAME: Spec(
        lambda _options: cloudflare_stream.CloudflareStream(), carriage=cloudflare_stream.CARRIAGE
    ),
    cloudfront.NAME: Spec(cloudfront.CloudFront, cloudfront.CloudFrontOptions, cloudfront.CARRIAGE),
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    mux.NAME: Spec(mux.Mux, mux.MuxOptions, mux.CARRIAGE),
}

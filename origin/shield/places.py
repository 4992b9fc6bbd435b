"""Where the upstream's names lie below the mount: what it says of places is true there, not here."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from origin.http.fields import Fields, values_of
from origin.httpcache.references import same_origin_target

_NAMES_PLACES = frozenset({"location", "content-location"})


@dataclass(frozen=True, slots=True)
class Place:
    """A mount's prefix, and the URL of the upstream that stands for it."""

    prefix: str  # "/vod", or "/" for everything
    base: str  # "https://origin.example/media", or without a path

    def upstream_uri(self, target: str) -> str:
        """What the upstream calls `target`, which is below the mount: "/a.m4s?v=2"."""
        return self.base.rstrip("/") + target

    def public(self, upstream_target: str) -> str | None:
        """The public path and query of what the upstream calls `upstream_target` in origin form; None: not here."""
        path = urlsplit(self.base).path.rstrip("/")
        if not upstream_target.startswith(f"{path}/"):
            return None
        return f"{self.prefix.rstrip('/')}{upstream_target.removeprefix(path)}"

    def told(self, fields: Fields, target: str) -> Fields:
        """Fields of a response to `target`, in which references to the upstream lead back here."""
        if not values_of(fields, "location") and not values_of(fields, "content-location"):
            return fields
        return tuple(
            (name, self._told(value, target) if name.lower() in _NAMES_PLACES else value) for name, value in fields
        )

    def _told(self, reference: str, target: str) -> str:
        """A reference that leaves the mount or the upstream stays as it is."""
        own = same_origin_target(self.upstream_uri(target), reference)
        here = None if own is None else self.public(own)
        # A relative reference stays one: it resolves to the same place here as there.
        is_absolute = reference.startswith("/") or "://" in reference
        return here if here is not None and is_absolute else reference

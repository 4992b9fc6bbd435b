"""Values that never show themselves: not in a repr, not in a format, not in a pickle."""

from __future__ import annotations

import hmac
from typing import Generic, NoReturn, Self, TypeVar

T = TypeVar("T", str, bytes)


class _Hidden(Generic[T]):
    """A wrapper that prints only its own name. Immutable; equality takes constant time."""

    __slots__ = ("_value",)

    _value: T

    def __init__(self, value: T) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> T:
        """The value itself: call it where the value is used, and keep the result nowhere."""
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return hmac.compare_digest(_as_bytes(self._value), _as_bytes(other._value))

    def __hash__(self) -> int:
        return hash((type(self), self._value))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not pickled")


class Secret(_Hidden[bytes]):
    """Key material."""

    __slots__ = ()


class Token(_Hidden[str]):
    """A token as it travels: whoever holds it may use it."""

    __slots__ = ()


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value

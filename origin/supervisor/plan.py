"""What a supervisor has to know of the settings, and how it hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from origin.server.listeners import Place

MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """The part of a configuration that the supervisor acts on."""

    workers: int
    drain_seconds: float
    public: Place
    admin: Place
    prefixes: tuple[str, ...]
    log_level: str
    log_format: Literal["json", "text"]


@dataclass(frozen=True, slots=True)
class NoPlan:
    """The configuration cannot be used."""

    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    plan: Plan | None = None
    problems: tuple[str, ...] = ()


def write_plan(plan: Plan) -> str:
    """The plan as a line of JSON."""
    return msgspec.json.encode(_Told(plan=plan)).decode()


def write_problems(problems: Sequence[str]) -> str:
    """What is wrong with the configuration, as a line of JSON."""
    return msgspec.json.encode(_Told(problems=tuple(problems))).decode()


def read_plan(text: str) -> Plan | NoPlan:
    """What another process of ours wrote; raises `ValueError` for anything else."""
    try:
        told = msgspec.json.decode(text, type=_Told)
    except msgspec.DecodeError as error:
        raise ValueError("is not a plan") from error
    return NoPlan(told.problems) if told.plan is None else told.plan

"""Settings → the process's metrics, with every label value that it may use."""

from __future__ import annotations

import asyncio
import contextlib

from auth import DIALECTS
from origin import __version__, settings
from origin.edge.edge_identity import ProofResult
from origin.ledger.record import Decision, Rule, StoreOperation
from origin.manifests.template import REASONS
from origin.outbound.pushing import Outcome as PurgeOutcome
from origin.shield.prefetch import Event as PrefetchEvent
from origin.shield.recorder import Event as ShieldEvent
from origin.storage.observed import Operation, Result
from origin.telemetry.metrics import Metrics, Vocabulary
from origin.telemetry.shared_values import SharedValues
from origin.telemetry.tls_metrics import TlsVocabulary
from origin.telemetry.upstream_metrics import UpstreamVocabulary
from origin.tls.handshakes import Handshake
from origin.upstream.observed import Result as UpstreamResult
from origin.upstream.origin_server import Trouble
from origin.workers.place import WorkerPlace


async def open_metrics(
    configured: settings.Settings, place: WorkerPlace | None, stack: contextlib.AsyncExitStack
) -> Metrics:
    """The metrics, shared with the machine's other workers where there is a place for that."""
    shared = None
    if place is not None:
        shared = await asyncio.to_thread(SharedValues, place.directory, place.slot)
        stack.callback(shared.close)
    return Metrics(_vocabulary(configured), __version__, shared)


def _vocabulary(configured: settings.Settings) -> Vocabulary:
    return Vocabulary(
        mounts=frozenset(mount.prefix for mount in configured.mount),
        dialects=frozenset(DIALECTS),
        manifest_reasons=REASONS,
        storage_operations=frozenset(Operation),
        storage_results=frozenset(Result),
        edge_results=frozenset(ProofResult),
        ledger_rules=frozenset(Rule),
        ledger_decisions=frozenset(Decision),
        ledger_operations=frozenset(StoreOperation),
        key_rings=frozenset(configured.keyrings),
        tls=TlsVocabulary(frozenset(Handshake), frozenset(configured.public.tls.certificates)),
        upstream=UpstreamVocabulary(
            mounts=frozenset(mount.prefix for mount in configured.mount),
            results=frozenset({*UpstreamResult, *Trouble}),
            troubles=frozenset(Trouble),
            events=frozenset(ShieldEvent),
            prefetch_events=frozenset(PrefetchEvent),
            edges=frozenset(edge.name for edge in configured.edge_purge),
            edge_results=frozenset(PurgeOutcome),
        ),
    )

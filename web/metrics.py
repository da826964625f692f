"""`/metrics`: the gauges as Prometheus reads them, for this machine or for whoever shows the token."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from feedback import gauges
from feedback.gauges import Gauge
from web.parts import Parts
from web.security import LOOPBACK, host_name

_log = structlog.get_logger()
#: What a proxy adds: behind one every visitor comes from this machine.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def routes(parts: Parts) -> APIRouter:
    router = APIRouter()

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        _admit(request, parts.metrics_token)
        try:
            text = await asyncio.to_thread(_text, parts)
        except SQLAlchemyError as error:
            _log.error("metrics_unknown", error=str(error))
            return Response("The database cannot be asked.\n", 503, media_type="text/plain")
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})

    return router


def _admit(request: Request, token: str | None) -> None:
    """With a token: whoever shows it. Without: only this machine, asked by its own name and through no proxy."""
    if token is not None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        return
    forwarded = any(name in request.headers for name in _FORWARDED)
    client = request.client.host if request.client else ""
    if forwarded or client not in LOOPBACK or host_name(request.headers.get("host", "")) not in LOOPBACK:
        raise HTTPException(404)


def _text(parts: Parts) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told(gauges.gauges(parts.database, parts.data_dir, now=parts.clock())))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, found: Iterable[Gauge]) -> None:
        self._found = found

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for gauge in self._found:
            labels = [name for name, _ in gauge.values[0][0]] if gauge.values else []
            family = GaugeMetricFamily(f"broadsheet_{gauge.name}", gauge.meaning, labels=labels)
            for pairs, value in gauge.values:
                family.add_metric([text for _, text in pairs], value)
            yield family

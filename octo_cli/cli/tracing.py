"""Traces of runs and model calls, for whoever asked for them in the environment. Nothing is imported otherwise.

LangSmith needs nothing here: LangChain reads its variables (LANGSMITH_TRACING, LANGSMITH_API_KEY, …) by itself.
"""

import os
from collections.abc import Mapping
from typing import Final

from octo_cli import __version__

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LANGSMITH: Final = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
# Seconds. The last spans are sent when the command is done; a collector that is gone must not keep a person waiting.
_PATIENCE: Final = 2


def start(environment: Mapping[str, str]) -> str | None:
    """Export traces over OTLP when the environment names a collector. Returns the code of a warning, or None.

    To be called before LangChain is first imported. The collector is told what LangSmith would be: the LangSmith client
    turns runs into spans, and without LANGSMITH_TRACING it talks to nobody else.
    """
    if not any(environment.get(name) for name in _ENDPOINTS):
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return "otel_missing"
    patience = None if environment.get("OTEL_EXPORTER_OTLP_TIMEOUT") else _PATIENCE
    # A provider of our own: LangSmith's would send its API key to the collector.
    name = environment.get("OTEL_SERVICE_NAME") or "octo"
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=patience)))
    trace.set_tracer_provider(provider)
    asked = any(environment.get(name, "").lower() in ("true", "1") for name in _LANGSMITH)
    os.environ["LANGSMITH_TRACING_MODE"] = "hybrid" if asked else "otel"
    os.environ["LANGSMITH_TRACING_V2"] = "true"
    return None

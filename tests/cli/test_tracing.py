"""Traces: sent to whom the environment names, with a real collector on loopback; to nobody otherwise."""

from pathlib import Path

from tests.conftest import Octo
from tests.loopback import loopback

COLLECTOR = {"/v1/traces": (200, b"")}
LANGSMITH = {"/info": (200, b"{}"), "/runs/multipart": (202, b"{}"), "/runs/batch": (202, b"{}")}
LANGSMITH_KEY = "lsv2_pt_0123456789abcdef0123"


def test_nobody_hears_of_a_run_unasked(octo: Octo) -> None:
    with loopback(LANGSMITH) as langsmith:
        octo.environment |= {"LANGSMITH_ENDPOINT": langsmith.address, "LANGSMITH_API_KEY": LANGSMITH_KEY}
        assert octo("ask", "안녕").status == 0
    assert langsmith.requests == []


def test_a_collector_gets_the_spans_and_nobody_else_does(octo: Octo) -> None:
    with loopback(COLLECTOR) as collector, loopback(LANGSMITH) as langsmith:
        octo.environment |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
            "LANGSMITH_ENDPOINT": langsmith.address,
            "LANGSMITH_API_KEY": LANGSMITH_KEY,
        }
        said = octo("ask", "안녕")
    assert (said.status, "Octo" in said.out) == (0, True)
    assert langsmith.requests == []
    sent = b"".join(request.body for request in collector.requests)
    assert {request.path for request in collector.requests} == {"/v1/traces"}
    assert all(node in sent for node in (b"understand", b"choose_output", b"octo", "안녕".encode()))
    assert LANGSMITH_KEY not in str(collector.requests)


def test_langsmith_gets_the_runs_when_its_variables_say_so(octo: Octo) -> None:
    with loopback(LANGSMITH) as langsmith:
        octo.environment |= {
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": langsmith.address,
            "LANGSMITH_API_KEY": LANGSMITH_KEY,
        }
        assert octo("ask", "안녕").status == 0
    assert any(b"understand" in request.body for request in langsmith.requests)


def test_both_can_be_asked_for(octo: Octo) -> None:
    with loopback(COLLECTOR) as collector, loopback(LANGSMITH) as langsmith:
        octo.environment |= {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.address}/v1/traces",
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": langsmith.address,
            "LANGSMITH_API_KEY": LANGSMITH_KEY,
        }
        assert octo("ask", "안녕").status == 0
    assert collector.requests
    assert any(b"understand" in request.body for request in langsmith.requests)


def test_a_collector_that_is_gone_changes_nothing(octo: Octo) -> None:
    octo.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    said = octo("ask", "안녕", "--json")
    assert (said.status, said.json["status"], said.err) == (0, "completed", "")


def test_without_the_extra_there_is_one_warning(octo: Octo, tmp_path: Path) -> None:
    # What importing it is like where it was never installed.
    (tmp_path / "opentelemetry.py").write_text("raise ImportError\n")
    octo.environment |= {"PYTHONPATH": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    said = octo("ask", "안녕", "--quiet")
    assert said.status == 0
    assert said.err.count("octo-cli[otel]") == 1

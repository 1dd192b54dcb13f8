"""The contract agent when something breaks: a failed step is a failed result, and the other steps go on."""

import json
import shutil
from pathlib import Path

from octo_cli.documents.catalog import PACKAGE_TYPES
from tests.conftest import Octo


def test_a_broken_document_type_fails_its_step_with_the_reason(octo: Octo) -> None:
    folder = Path(octo.environment["OCTO_HOME"]) / "types" / "lease"
    folder.mkdir(parents=True)
    (folder / "type.toml").write_text('name = "lease"\n[title]\nko = "임대차계약서"\nen = "Lease"\n[[fields]]\n')
    done = octo("ask", "임대차계약서 작성해줘", "--json")
    assert done.status == 1
    assert done.json["error"]["code"] == "document_type_broken"
    assert done.json["plan"]["steps"][0]["status"] == "failed"


def test_one_step_fails_and_the_other_is_finished(octo: Octo) -> None:
    asked = octo("ask", "비밀유지계약서랑 근로계약서 작성해줘", "--json").json
    statuses = {step["step_id"]: step["status"] for step in asked["plan"]["steps"]}
    assert statuses == {"1": "waiting", "2": "failed"}
    (question,) = asked["interrupts"]
    fields = {"disclosing_party": "주식회사 가나다", "receiving_party": "라마바", "purpose": "공동 개발 검토"}
    (octo.folder / "a.json").write_text(json.dumps(fields, ensure_ascii=False), encoding="utf-8")
    done = octo("resume", asked["thread_id"], "--answers", "a.json", "--approve", "--json")
    assert done.status == 0, done.json
    assert question["document_type"] == "nda"
    assert done.json["aggregated_data"]["execution_summary"]["failed_steps"] == 1
    assert len(done.json["documents"]) == 1


def test_a_defect_in_a_step_is_logged_and_not_shown(octo: Octo) -> None:
    folder = Path(octo.environment["OCTO_HOME"]) / "types" / "nda"
    shutil.copytree(PACKAGE_TYPES / "nda", folder)
    template = folder / "ko.md.j2"
    template.write_text(template.read_text(encoding="utf-8") + "{{ 1 // 0 }}\n", encoding="utf-8")
    done = octo("ask", "비밀유지계약서 작성해줘", "--json")
    assert (done.status, done.json["status"]) == (1, "failed")
    assert "Traceback" not in done.err

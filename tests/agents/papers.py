"""Files of the formats people have, made for tests: real PDF, Word and web pages."""

from pathlib import Path

import docx
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject


def put_pdf(path: Path, *pages: str, password: str | None = None, owner: str | None = None) -> None:
    """A PDF whose pages hold one line each; `password` is needed to open it, `owner` only to change it."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(400, 400)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 10 100 Td {text} ET".encode())
        page.replace_contents(content.flate_encode())
    if password is not None or owner is not None:
        writer.encrypt(password or "", owner_password=owner, algorithm="AES-256")
    writer.write(path)


def line(text: str) -> str:
    """A line of text as a PDF draws it."""
    return f"({text}) Tj"


def put_docx(path: Path) -> None:
    """A Word file: heading, paragraphs, an empty one, a table with a merged cell, a second heading."""
    document = docx.Document()
    document.add_heading("임대차 안내", 1)
    document.add_paragraph("")
    document.add_paragraph("보증금은 계약이 끝나면 돌려받습니다.")
    table = document.add_table(2, 3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "항목"
    table.cell(0, 2).text = "금액"
    table.cell(1, 0).text = "관리비"
    table.cell(1, 2).text = "5만원"
    document.add_heading("갱신", 2)
    document.add_paragraph("갱신요구권은 한 번 행사합니다.")
    document.save(str(path))

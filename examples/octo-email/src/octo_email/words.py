"""What the email agent says, in Korean and English, each written in its own language."""

from collections.abc import Mapping
from typing import Final

from octo_cli.wire.work import Language

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "ko": {
        "title": "이메일 확인",
        "check": "초안을 확인하고 고칠 곳을 고쳐 주세요. 보내지는 않고 파일로 저장합니다.",
        "to": "받는 사람",
        "subject": "제목",
        "body": "본문",
        "missing": "비어 있습니다.",
        "bad_address": "이메일 주소로 읽을 수 없습니다. 여러 개는 쉼표로 나눠 주세요.",
        "why": "이 이메일을 .eml 파일로 저장합니다. 보내지는 않습니다.",
        "saved": "이메일을 저장했습니다: {path}\n\n메일 프로그램으로 열어 보내실 수 있습니다.",
        "rejected": "거절하셔서 저장하지 않았습니다. ({reason})",
        "denied": "승인 규칙에 따라 저장하지 않았습니다. ({reason})",
        "failed": "저장하지 못했습니다. {reason}",
        "not_drafted": "초안을 쓰지 못했습니다. {reason}",
        "no_subject": "안내 말씀",
        "about": "다름이 아니라 다음 건으로 연락드립니다: {topic}",
        "blank": "다름이 아니라 ____ 건으로 연락드립니다.",
        "letter": "안녕하세요.\n\n{body}\n\n감사합니다.\n{sender} 드림",
    },
    "en": {
        "title": "Check the e-mail",
        "check": "Check the draft and change what you like. It is saved to a file, not sent.",
        "to": "To",
        "subject": "Subject",
        "body": "Body",
        "missing": "This is empty.",
        "bad_address": "This does not read as an e-mail address. Part several with commas.",
        "why": "Saves this e-mail as an .eml file. It is not sent.",
        "saved": "The e-mail was saved: {path}\n\nOpen it with your mail program to send it.",
        "rejected": "Not saved, as you rejected it. ({reason})",
        "denied": "Not saved, by an approval rule. ({reason})",
        "failed": "It could not be saved. {reason}",
        "not_drafted": "It could not be drafted. {reason}",
        "no_subject": "A note",
        "about": "I am writing to you about the following: {topic}",
        "blank": "I am writing to you about ____.",
        "letter": "Hello,\n\n{body}\n\nKind regards,\n{sender}",
    },
}

"""Flag before environment before project file before user file before default; and every refusal names its place."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from octo_cli.errors import UsageError
from octo_cli.settings import FORMATS, KEYS, Settings, duration, length, resolve


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def settings(home: Path, flags: dict[str, Any] | None = None, **environment: str) -> Settings:
    return resolve(flags or {}, {"OCTO_HOME": str(home), **environment}, home.parent)


def refusal(home: Path, flags: dict[str, Any] | None = None, **environment: str) -> UsageError:
    with pytest.raises(UsageError) as refused:
        settings(home, flags, **environment)
    return refused.value


def test_without_anything_the_defaults_hold(home: Path) -> None:
    found = settings(home, LOGNAME="kim")
    assert found.database.sqlite == home / "octo.db"
    assert found.documents == home.parent / "octo-documents"
    assert (found.model, found.format, found.lang, found.user) == ("offline", "chat", None, "kim")
    assert (found.expire_after, found.on_timeout, found.search.folders) == (None, "defer", ())
    assert set(found.sources.values()) == {"default"}


def test_each_source_gives_way_to_the_one_above(home: Path) -> None:
    seen = []
    (home / "config.toml").write_text('lang = "ko"\n')
    seen.append(settings(home))
    (home.parent / ".octo.toml").write_text('lang = "en"\n')
    seen.append(settings(home))
    seen.append(settings(home, OCTO_LANG="ko"))
    seen.append(settings(home, {"lang": "en"}, OCTO_LANG="ko"))
    assert [(one.lang, one.sources["lang"]) for one in seen] == [
        ("ko", "user"),
        ("en", "project"),
        ("ko", "environment"),
        ("en", "flag"),
    ]


def test_a_model_may_be_named_with_its_table_or_without(home: Path) -> None:
    (home / "config.toml").write_text('model = "openai:a"\n')
    assert settings(home).models.name == "openai:a"
    (home / "config.toml").write_text('[model]\nname = "openai:b"\nfallback = ["offline"]\nmax_cost = 0.5\n')
    models = settings(home).models
    assert (models.name, models.fallback, models.max_cost) == ("openai:b", ("offline",), 0.5)
    assert settings(home, {"model": "openai:c"}).model == "openai:c"


def test_an_empty_variable_is_not_set(home: Path) -> None:
    assert settings(home, OCTO_SQLITE="", OCTO_LANG="").sources["lang"] == "default"


def test_paths_start_where_they_were_written(home: Path) -> None:
    (home / "config.toml").write_text('[documents]\nfolder = "papers"\n[search]\nfolders = ["notes"]\n')
    found = settings(home, {"sqlite": "here.db"})
    assert found.documents == home / "papers"
    assert found.search.folders == (home / "notes",)
    assert found.database.sqlite == home.parent / "here.db"


def test_deadlines_are_lengths_of_time(home: Path) -> None:
    (home / "config.toml").write_text('[questions]\nexpire_after = "7d"\non_timeout = "reject"\n')
    assert settings(home).expire_after == timedelta(days=7)
    assert settings(home).on_timeout == "reject"
    assert [duration(text) for text in ("30m", " 12h ", "2w", "0d", "7", "d")] == [
        *(timedelta(minutes=30), timedelta(hours=12), timedelta(weeks=2)),
        *(None, None, None),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("lang = ko", "config_not_toml"),
        ("langue = 'ko'", "config_unknown_key"),
        ("[questions]\nexpires = '7d'", "config_unknown_key"),
        ("lang = 'fr'", "bad_setting"),
        ("lang = 1", "bad_setting"),
        ("[search]\nfolders = 'notes'", "bad_setting"),
        ("[questions]\nexpire_after = 7", "bad_setting"),
        ("[questions]\nexpire_after = '0d'", "bad_setting"),
    ],
)
def test_a_wrong_file_is_refused_by_name(home: Path, text: str, code: str) -> None:
    file = home / "config.toml"
    file.write_text(text)
    error = refusal(home)
    assert error.code == code
    assert str(file) in str(error.values.values())


@pytest.mark.parametrize("key", [key.name for key in KEYS if not key.safe])
def test_a_project_file_sets_nothing_that_matters(home: Path, key: str) -> None:
    section, _, name = key.rpartition(".")
    (home.parent / ".octo.toml").write_text(f"{f'[{section}]' if section else ''}\n{name} = 'x'\n")
    assert refusal(home).code == "config_unsafe_key"


@pytest.mark.parametrize("folder", ["/etc", "..", "~", "inside/../../x"])
def test_a_project_file_offers_only_its_own_folders_for_search(home: Path, folder: str) -> None:
    (home.parent / ".octo.toml").write_text(f"[search]\nfolders = ['{folder}']\n")
    assert refusal(home).code == "config_folder_outside"


def test_a_link_out_of_the_project_is_outside_of_it(home: Path) -> None:
    (home.parent / "notes").symlink_to("/etc")
    (home.parent / ".octo.toml").write_text("[search]\nfolders = ['notes']\n")
    assert refusal(home).code == "config_folder_outside"


def test_a_named_settings_file_has_to_exist(home: Path) -> None:
    assert refusal(home, {"config": "none.toml"}).code == "config_missing"


def test_the_clock_can_be_fixed_and_keeps_its_zone(home: Path) -> None:
    assert settings(home, OCTO_NOW="2026-11-21T10:00:00+09:00").now().isoformat() == "2026-11-21T10:00:00+09:00"
    assert settings(home).now().tzinfo is not None


@pytest.mark.parametrize("now", ["yesterday", "2026-11-21T10:00:00", "2026-11-21"])
def test_a_time_without_a_zone_is_no_time(home: Path, now: str) -> None:
    assert refusal(home, OCTO_NOW=now).code == "bad_now"


def test_colour_is_left_out_where_it_is_not_wanted(home: Path) -> None:
    assert settings(home).color
    assert not settings(home, NO_COLOR="1").color
    assert not settings(home, TERM="dumb").color
    assert not settings(home, {"no_color": True}).color


def test_the_language_follows_the_text_then_the_locale(home: Path) -> None:
    found = settings(home, LANG="ko_KR.UTF-8")
    assert [found.language_for(text) for text in ("계약서", "lease", "123")] == ["ko", "en", "ko"]
    assert settings(home, {"lang": "en"}).language_for("계약서") == "en"


def test_formats_are_those_that_work() -> None:
    from octo_cli.outputs import FORMATS as MADE

    assert FORMATS == MADE


@pytest.mark.parametrize("text", ["30m", "90m", "12h", "36h", "7d", "14d"])
def test_a_length_is_said_as_it_is_read(text: str) -> None:
    span = duration(text)
    assert span is not None
    assert length(span) == text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://kim:opensesame@db:5432/octo", "postgresql://kim@db:5432/octo"),
        ("postgresql+psycopg://kim:open%40se@db/octo", "postgresql://kim@db/octo"),
        ("postgres://kim:a?b@db/octo", None),
        ("postgres://kim@db/octo?sslmode=require&password=opensesame", "postgresql://kim@db/octo?sslmode=require"),
        ("postgres://db/octo?%70assword=opensesame", "postgresql://db/octo"),
        ("postgresql://kim:opensesame@a:1,[::1]:2/octo", "postgresql://kim@a:1,[::1]:2/octo"),
        ("postgresql:///octo?host=/run/pg", "postgresql:///octo?host=/run/pg"),
        # libpq would take what follows the first @ for the host, and say so.
        ("postgresql://kim:opense@same@db/octo", None),
        ("postgresql://kim:open/sesame@db/octo", None),
        ("postgresql://kim:open%sesame@db/octo", None),
        ("postgresql://kim:opensesame", None),
        ("postgresql://db:port/octo", None),
        ("postgresql://db/octo with blanks", None),
        ("host=db password=opensesame", None),
        ("kim:opensesame@db/octo", None),
        ("postgresql://", None),
    ],
)
def test_an_address_is_taken_whole_and_shown_without_its_password(
    tmp_path: Path, address: str, shown: str | None
) -> None:
    environment = {"OCTO_HOME": str(tmp_path), "OCTO_POSTGRES_URL": address}
    if shown is None:
        with pytest.raises(UsageError) as caught:
            resolve({}, environment, tmp_path)
        assert caught.value.code == "bad_setting"
        assert not {"sesame", "opense", "opensesame"} & set(re.findall(r"[a-z]+", str(caught.value.values["value"])))
        return
    database = resolve({}, environment, tmp_path).database
    assert database.name == shown
    assert database.postgres == "postgresql://" + address.partition("://")[2]


def test_commands_say_again_which_database_and_which_model(tmp_path: Path) -> None:
    def again(text: str, **flags: str) -> str:
        return resolve(flags, {"OCTO_HOME": str(tmp_path)}, tmp_path).again(text)

    server = {"postgres": "postgresql://kim:opensesame@db/octo?sslmode=require"}
    named = "--postgres 'postgresql://kim@db/octo?sslmode=require'"
    assert again("octo doctor, then: octo resume ab12", **server) == (
        f"octo {named} doctor, then: octo {named} resume ab12"
    )
    once = again("octo resume ab12", **server, model="openai:m")
    assert once == f"octo {named} resume ab12 --model openai:m"
    assert again(once, **server, model="openai:m") == once
    assert again("octo config path; octo auth set openai", **server) == "octo config path; octo auth set openai"
    assert again("octo threads list", sqlite="a b.db") == f"octo --sqlite '{tmp_path / 'a b.db'}' threads list"
    assert again("octo threads list") == "octo threads list"

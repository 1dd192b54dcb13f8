"""A kit as a run has it, for tests of single agents: real settings, database, catalogue and the offline mind."""

from pathlib import Path
from typing import Any

from octo_cli.agents.kit import Kit
from octo_cli.agents.registry import Registry
from octo_cli.documents.catalog import PACKAGE_TYPES, Catalog
from octo_cli.reasoning.base import Reasoner
from octo_cli.reasoning.offline import Offline
from octo_cli.settings import resolve
from octo_cli.storage import open_storage

NOW = "2026-11-21T10:00:00+09:00"


def kit_in(
    workspace: Path, *, config: str = "", mind: Reasoner | None = None, flags: dict[str, Any] | None = None
) -> Kit:
    """A kit whose workspace is `workspace`, with `config` as the user's config.toml; Octo's home lies beside it."""
    home = workspace.parent / f"{workspace.name}-home"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(config, encoding="utf-8")
    workspace.mkdir(exist_ok=True)
    settings = resolve(flags or {}, {"OCTO_HOME": str(home), "OCTO_NOW": NOW, "OCTO_USER": "u"}, workspace)
    return Kit(
        thread_id="t",
        actor="user:u",
        mind=mind or Offline(),
        catalog=Catalog((PACKAGE_TYPES,), cache=settings.folders.cache),
        storage=open_storage(settings.database),
        settings=settings,
        cards=Registry(settings).cards(),
    )

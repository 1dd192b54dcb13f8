"""A person's own folders of text and Markdown, searched in full. Knows no agent, no sentence and no setting.

`FolderIndex(file, folders).search(query)` is all of it: it walks the folders, brings its index up to date, ranks the
files and says which lines match. `reading` holds which files count and what text they hold, `terms` how text and query
become the same tokens, `lines` where in a file the terms stand, `index` the database.
"""

from octo_cli.agents.folders.index import Findings, FolderIndex, FoundFile, Place
from octo_cli.agents.folders.reading import Skipped

__all__ = ["Findings", "FolderIndex", "FoundFile", "Place", "Skipped"]

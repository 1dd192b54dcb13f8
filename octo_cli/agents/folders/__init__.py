"""A person's own folders and finished documents, searched in full. Knows no agent, no sentence and no setting.

`FolderIndex(file, folders).search(query)` is all of it: it walks the folders, brings its index up to date, ranks the
files and says which places match. `reading` holds which files count, `formats` what a PDF, a Word file or a web page
says and `extraction` the child process where that is read, `queries` what a query asks for, `lines` where in a file the
terms stand, `meaning` what a model's vectors add, `upkeep` and `store` the index.
"""

from octo_cli.agents.folders.index import Findings, FolderIndex, FoundFile, Place
from octo_cli.agents.folders.meaning import Embedder
from octo_cli.agents.folders.queries import Query, query_of
from octo_cli.agents.folders.reading import Paper, Shelf, Skipped
from octo_cli.agents.folders.upkeep import Progress

__all__ = [
    "Embedder",
    "Findings",
    "FolderIndex",
    "FoundFile",
    "Paper",
    "Place",
    "Progress",
    "Query",
    "Shelf",
    "Skipped",
    "query_of",
]

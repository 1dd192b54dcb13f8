"""Values: how people write amounts, dates, periods, names and contacts, Korean and English, and how they are shown.

Pure functions: `parse_*` reads a whole field or raises `Unreadable`, `find_*` looks for values inside a sentence,
`show_*` writes one for a person. No storage, no forms, no knowledge of which field a value belongs to.
Spans are offsets into the text as it was given; give text that went through `text.clean`.
"""

"""Papers: a document type is a folder of data, found, completed, rendered and checked here. No storing, no asking.

`catalog` finds types, `document_type` is one, `fields` reads and shows values, `expressions` and `rules` are what a
`type.toml` may say, `markdown` renders and escapes, `soundness` checks a folder before it is used.
"""

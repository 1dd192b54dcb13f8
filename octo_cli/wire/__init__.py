"""The words rooms speak to each other: frozen, closed, tagged, JSON-able. No behaviour but parse and validate.

`msgspec.to_builtins` turns each into the JSON of the outside contract, `msgspec.convert` reads it back.
"""

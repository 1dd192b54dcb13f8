"""The mind: what is asked, what to do about it, and what a text says. One Protocol (`base`), whoever thinks."""

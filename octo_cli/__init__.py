"""Octo: a terminal assistant whose work can be stopped anywhere and taken up again elsewhere."""

__version__ = "0.1.0"

"""The graph that understands a request, plans steps, hands them to agents and puts the results together.

What the author of a node of one's own imports stands here.
"""

from octo_cli.supervisor.foreign import Node, Refused

__all__ = ["Node", "Refused"]

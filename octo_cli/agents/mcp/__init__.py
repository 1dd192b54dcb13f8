"""The MCP agent: tools of other people's programs, run by leave of the person. See `agent`, `servers`, `sessions`."""

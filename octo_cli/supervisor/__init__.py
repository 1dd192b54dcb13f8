"""The graph that understands a request, plans steps, hands them to agents and puts the results together."""

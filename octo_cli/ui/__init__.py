"""The face: how events look, how questions are put, what is safe to show. No decision about the work."""

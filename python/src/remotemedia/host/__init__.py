"""A Python host: a process that holds live objects and runs segments of them for an engine."""

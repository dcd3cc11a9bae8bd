"""Filters for Lambda's event source mapping, computed from what the handlers of a pipeline want."""

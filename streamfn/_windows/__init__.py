"""Tumbling windows: what comes within a span of time, folded into one state that Lambda keeps between invocations."""

"""The part of Powertools that the benchmark calls. It ships types, and is installed for the benchmark alone."""

"""A model of Lambda's event source mapping: what it delivers, how it takes answers, and what it remembers of both."""

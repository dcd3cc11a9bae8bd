"""How handlers are run on a batch: what may start, in which order, and what each call comes to."""

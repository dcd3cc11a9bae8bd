"""Models, proposed from a sample of a table's items: what types they have, and the module that says so.

Nothing of the items but the names of attributes and the types of values comes into the module.
"""

"""How attribute values become Python values and how they are made of them: a module for each kind of type.

`types` looks at annotations and `models` at the fields of classes; `scalars`, `plain`, `choices`,
`containers`, `classes` and `unions` read and write; `problems` finds out what is wrong where reading failed.
`streamfn._converters` puts them together.
"""

"""Decoders: for each model a function that is written for it, and reads an image without asking what to do next.

`decoders` writes them, of the hooks that `streamfn._conversion` has found: it puts what the hooks do with the
usual form of a value into one flat function for each model. Whatever has another form goes to the hook itself.
Where a decoder raises, the hooks look at the image once more, and say what is wrong. So decoders and hooks make
the same items of the same images, and only differ in speed.
"""

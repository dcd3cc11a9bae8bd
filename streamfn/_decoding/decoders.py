"""Decoders: the functions from an image to an item, written for a model and run as a module of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from streamfn._conversion.aliases import ReadAlias
from streamfn._conversion.classes import ReadModel
from streamfn._conversion.hooks import StructureHook
from streamfn._conversion.types import Hint, name_of_type
from streamfn._conversion.unions import ReadUnion
from streamfn._decoding.choosing import can_be_chosen, write_choice
from streamfn._decoding.models import write_model
from streamfn._decoding.source import Source

Decode: TypeAlias = Callable[[object], object]
"""A function of an image. It raises if the image does not fit, or has a form that is left to the hooks."""


class Decoder(NamedTuple):
    """How images become items of a model: the function for it, the text of its module, and the model's hook."""

    decode: Decode
    source: str
    hook: StructureHook
    hint: Hint


def decoder_of(hook: StructureHook, hint: Hint) -> Decoder:
    """Write the decoder of a model, or of a union of models, whose hook is given.

    A hook of the user's own is called as it is.
    """
    source = Source()
    outer = hook
    while isinstance(hook, ReadAlias):
        hook = hook.hook
    if isinstance(hook, ReadModel):
        entry = source.function_of(hook)
    elif isinstance(hook, ReadUnion) and hook.models is not None and can_be_chosen(hook.models):
        entry = source.name("read_one_of", hook)
        source.line()
        source.line()
        with source.block(f"def {entry}(image):"):
            source.line('"""Read an image as the model that it is meant for."""')
            write_choice(source, hook.models, "image", "return {}".format)
    else:
        return calling(outer, hint)
    for model in source.models:  # which grows by the models within
        write_model(source, model)
    return Decoder(source.run(name_of_type(hint), entry)[entry], source.text, outer, hint)


def calling(hook: StructureHook, hint: Hint) -> Decoder:
    """Make a decoder that calls the hook, and has no text."""

    def decode(image: object) -> object:
        return hook({"M": image}, hint)

    return Decoder(decode, "", hook, hint)

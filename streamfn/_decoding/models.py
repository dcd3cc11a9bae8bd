"""Writing the function that makes a model of an image."""

from __future__ import annotations

from streamfn._conversion.classes import ReadField, ReadModel
from streamfn._conversion.types import is_typed_dict
from streamfn._decoding.filling import default_of, fills_all, is_fillable
from streamfn._decoding.source import Source, assign, quoted
from streamfn._decoding.values import Spot, write_value
from streamfn._frozen import new_twin


def write_model(source: Source, model: ReadModel) -> None:
    """Write the function of a model.

    A plain dataclass is made empty and filled. Any other class is called, with the fields that are there.
    """
    cls = model.cls
    name = source.function_of(model)
    source.line()
    source.line()
    with source.block(f"def {name}(image):"):
        source.line(f'"""Read an image as {name.removeprefix("read_")}."""')
        source.refuse_if("type(image) is not dict")
        if model.forbids:
            known = source.name(f"attributes_of_{cls.__name__}", model.attributes)
            source.refuse_if(f"not {known}.issuperset(image)")
        if is_fillable(cls) and fills_all(cls, (read.field.name for read in model.fields)):
            _write_filling(source, model)
        else:
            _write_calling(source, model)


def _write_filling(source: Source, model: ReadModel) -> None:
    cls = model.cls
    meaning = f"has fields that can be set, and becomes {cls.__name__} once they are"
    source.line(f"made = {source.name(f'Thawed{cls.__name__}', new_twin(cls), meaning)}()")
    for field in model.fields:
        _write_field(source, field, f"made.{field.field.name}", cls)
    source.line(f"made.__class__ = {source.name(cls.__name__, cls)}")
    source.line("return made")


def _write_calling(source: Source, model: ReadModel) -> None:
    cls = model.cls
    source.line("fields = {}")
    for field in model.fields:
        _write_field(source, field, f"fields[{quoted(field.field.parameter)}]", None)
    called = f"{source.name(cls.__name__, cls)}(**fields)"
    source.line("return fields" if is_typed_dict(cls) else f"return {called}")


def _write_field(source: Source, read: ReadField, target: str, filled: type | None) -> None:
    """Write how a field is read; where its attribute is absent, one that is `filled` has to be given its default."""
    field = read.field
    absent = None
    if field.required:
        absent = "None" if read.optional else None
    elif filled is not None:
        absent = _default(source, filled, field.name)
    if field.required and absent is None:
        source.line(f"value = image[{quoted(field.attribute)}]")
        write_value(source, Spot("value", field.name, read.hook, field.hint, assign(target)))
        return
    with source.block(f"if {quoted(field.attribute)} in image:"):
        source.line(f"value = image[{quoted(field.attribute)}]")
        write_value(source, Spot("value", field.name, read.hook, field.hint, assign(target)))
    if absent is not None:
        with source.block("else:"):
            source.line(f"{target} = {absent}")


def _default(source: Source, cls: type, field: str) -> str:
    """Write a field's default, or how it is made."""
    default, is_factory = default_of(cls, field)
    if default is None or isinstance(default, bool):
        return repr(default)
    name = source.name(f"default_{field}", default, "what it is, or calls, where its attribute is absent")
    return f"{name}()" if is_factory else name

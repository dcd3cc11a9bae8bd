"""The module that says what items are: a frozen dataclass, those of the maps within it, and the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from streamfn.cli._modelling.names import RESERVED, class_name, field_names, unused
from streamfn.cli._modelling.shapes import Attributes, Collection, Dictionary, Field, Member, Scalar, Shape

_UNKNOWN: Final = "object"
"""The type of what no sample shows: plain Python values, whatever they are."""

_HEAD: Final = '''"""Items of {table}, proposed from a sample of {samples}: a beginning, to be read and mended."""
'''

_IMPORTS: Final = (
    ("dataclasses", ("dataclass",)),
    ("datetime", ("datetime",)),
    ("decimal", ("Decimal",)),
    ("typing", ("Annotated",)),
    ("streamfn", ("Attribute", "PartitionKey", "SortKey", "Table", "TimeToLive")),
)


@dataclass(frozen=True)
class Proposal:
    """What is known of a table: its items' attributes, and the markers of some, such as PartitionKey, by attribute."""

    table: str
    model: str
    attributes: Attributes
    markers: Mapping[str, str]
    samples: str


def module_of(proposal: Proposal) -> str:
    """Write the module, which imports nothing that it does not use."""
    writer = _Writer()
    name, table = writer.write(proposal.model, proposal.attributes, proposal.markers), literal(proposal.table)
    body = "\n\n\n".join([*writer.classes, f"table = Table({table}, {name})"])
    writer.uses |= {"dataclass", "Table"}
    head = _HEAD.format(table=table[1:-1], samples=proposal.samples)
    standard: list[str] = []
    own: list[str] = []
    for module, names in _IMPORTS:
        if used := [each for each in names if each in writer.uses]:
            (own if module == "streamfn" else standard).append(f"from {module} import {', '.join(used)}")
    return "\n".join([head, *standard, "", *own, "", "", body, ""])


@dataclass
class _Writer:
    """Writes classes, the inner ones first, and keeps in mind which names are taken and which are used."""

    classes: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)

    def write(self, name: str, attributes: Attributes, markers: Mapping[str, str]) -> str:
        """Write the class for attributes, after those for what is in them, and give its name."""
        name = unused(name, self.names | RESERVED | set(attributes.fields))
        self.names.add(name)
        types = {each: self._type(found.shape, each, name) for each, found in attributes.fields.items()}
        fields = field_names(attributes.fields, self.names)
        lines = [
            line
            for _, line in sorted(
                (
                    self._order(each, found, markers),
                    f"    {fields[each]}: {self._declared(each, fields[each], found, types[each], markers)}",
                )
                for each, found in attributes.fields.items()
            )
        ]
        self.classes.append(
            "\n".join(["@dataclass(frozen=True, slots=True)", f"class {name}:", *(lines or ["    pass"])])
        )
        return name

    @staticmethod
    def _order(attribute: str, found: Field, markers: Mapping[str, str]) -> tuple[bool, int]:
        """Put fields without a default first, the keys first among them; the rest goes by name."""
        keys = ("PartitionKey", "SortKey")
        marker = markers.get(attribute, "")
        return not _is_required(found), keys.index(marker) if marker in keys else len(keys)

    def _declared(
        self, attribute: str, name: str, found: Field, written: str, markers: Mapping[str, str]
    ) -> str:
        said = [markers[attribute]] if attribute in markers else []
        if name != attribute:
            said.append(f"Attribute({literal(attribute)})")
        self.uses.update(each.partition("(")[0] for each in said)
        if said:
            self.uses.add("Annotated")
            written = f"Annotated[{', '.join([written, *said])}]"
        if _is_required(found):
            return written
        if _is_set(found):
            return f"{written} = frozenset()"
        return f"{written} = None" if written == _UNKNOWN else f"{written} | None = None"

    def _type(self, shape: Shape, attribute: str, parent: str, *, of_many: bool = False) -> str:
        """Write a type, without the None of a field, which its declaration adds."""
        return (
            " | ".join(self._member(each, attribute, parent, of_many=of_many) for each in shape.members)
            or _UNKNOWN
        )

    def _inner(self, shape: Shape | None, attribute: str, parent: str, *, of_many: bool = True) -> str:
        if shape is None or not shape.members:
            return _UNKNOWN
        return self._type(shape, attribute, parent, of_many=of_many) + (" | None" if shape.nullable else "")

    def _member(self, member: Member, attribute: str, parent: str, *, of_many: bool) -> str:
        match member:
            case Scalar(name):
                self.uses.add(name)
                return name
            case Collection("tuple", elements):
                return f"tuple[{self._inner(elements, attribute, parent)}, ...]"
            case Collection(name, elements):
                return f"{name}[{self._inner(elements, attribute, parent)}]"
            case Dictionary(values):
                return f"dict[str, {self._inner(values, attribute, parent)}]"
            case Attributes():
                name = class_name(attribute, of_many=of_many)
                return self.write(f"{parent}{name}" if name in self.names else name, member, {})
            case _:
                assert_never(member)


def _is_required(found: Field) -> bool:
    return found.always and not found.shape.nullable


def _is_set(found: Field) -> bool:
    match found.shape:
        case Shape((Collection("frozenset", _),), nullable=False):
            return True
        case _:
            return False


def literal(text: str) -> str:
    r"""Write text as Python does, in double quotes.

    >>> print(literal('unit "price"'))
    "unit \"price\""
    """
    return '"' + "".join(_escaped(text)) + '"'


def _escaped(text: str) -> Iterator[str]:
    for each in text:
        if each in '"\\':
            yield f"\\{each}"
        else:
            yield each if each.isprintable() else each.encode("unicode_escape").decode()

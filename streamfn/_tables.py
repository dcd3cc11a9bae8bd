"""Tables: the name of a table, its model, keys, pattern, decoders and converter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import (
    TYPE_CHECKING,
    Final,
    Generic,
    cast,
    get_origin,
    overload,
)
from weakref import WeakKeyDictionary, WeakSet

from returns.result import Failure, Result
from typing_extensions import TypeForm, TypeVar, override

from streamfn._conversion import is_configured, make_converter
from streamfn._conversion.decoders import Decoder, compile_decoder, hook_decoder
from streamfn._conversion.dispatch import LightConverter, model_fields, structure_hook, unstructure_hook
from streamfn._conversion.hints import Hint, is_model, is_typed_dict, origin, union_members, unwrap
from streamfn._conversion.hooks import ConverterProtocol, Path, StructureHook, find_problems
from streamfn._conversion.models import TableKeys, is_immutable, keys_of
from streamfn._dataclasses import make_success
from streamfn._errors import ConfigurationError, check_flag, checked_table_name, has_methods, kind_of
from streamfn._failures import Undecodable
from streamfn._records import AttributeValue, Image, KeyAttribute, StreamViewType

if TYPE_CHECKING:
    from cattrs import Converter

    from streamfn._aws import TableDefinition
    from streamfn._patterns.matching import Matcher


# Tables: a name, the model of its items, and the conversion between images and items.
#
# All hooks are made when the table is declared, in Lambda's init phase, and a type without hooks is refused then.

T = TypeVar("T")
K = TypeVar("K")

_registry: Final[WeakKeyDictionary[type, WeakSet[Table[object]]]] = WeakKeyDictionary()
"""The tables of each model, so that a test can make an event of an item without the name of the table."""


class CompiledTable(Generic[T]):
    """The hooks, decoders, keys and pattern of a table, for the modules of this library.

    `decode` returns the item of an image, and raises for an image that does not fit. Some images that fit have an
    unusual form, for which `decode` raises as well: `structure_detailed` decides then. `source` is the text of the
    decoder, see `explain`. `matcher` is None for a table without a pattern. `is_immutable`: handlers may share an item.
    """

    def __init__(
        self,
        name: str,
        model: TypeForm[T],
        hooks: ConverterProtocol,
        *,
        reveals: bool,
        generated: bool,
        pattern: Mapping[str, object] | None,
    ) -> None:
        self.hooks: ConverterProtocol = hooks
        self.matcher: Matcher | None = None
        if pattern is not None:
            from streamfn._patterns.matching import compile_pattern  # few tables have one

            self.matcher = compile_pattern(pattern)
        self.models = [unwrap(member) for member in union_members(model)]
        for each in self.models:
            if not is_model(each):
                raise ConfigurationError(
                    f"a table's model is a dataclass, an attrs class or a TypedDict, got {_shown(each)}"
                )
        self._name = name
        self._place = Path(reveals=reveals)
        self._compile: Callable[[StructureHook, Hint], Decoder] = (
            compile_decoder if generated else hook_decoder
        )
        self._decoder = self._compile(structure_hook(model, hooks), model)
        # The decoder is the model's.
        self.decode: Callable[[Image], T] = cast("Callable[[Image], T]", self._decoder.decode)
        self._key_decoders: dict[Hint, Decoder] = {}
        self.unstructure_hook = unstructure_hook(model, hooks)
        self.keys: TableKeys = self._find_keys()
        if self.matcher is not None:
            from streamfn._patterns.possible import check_possible  # as above

            keys = {key.name: key.tag for key in self.keys.attributes}
            check_possible(self.matcher.pattern, [name], keys)
        self.is_immutable: bool = is_immutable(model)

    @property
    def source(self) -> str:
        """The text of the functions that are generated for the model."""
        return self._decoder.source

    def key_decoder(self, model: type[K]) -> Callable[[Image], K]:
        """Return the function that makes an instance of another model of an item's keys; compare `decode`."""
        return cast("Callable[[Image], K]", self._key_decoder(model).decode)  # of that model

    def structure_detailed(self, image: Image) -> Result[T, Undecodable]:
        """Structure an image by its hooks, and return all its problems if there are any."""
        # The hook is that of the model.
        return cast("Result[T, Undecodable]", self._by_hook(self._decoder, image))

    def structure_keys_detailed(self, model: type[K], keys: Image) -> Result[K, Undecodable]:
        """Structure an item's keys by the hooks of another model, and return all their problems if there are any."""
        # The hook is that of the model.
        return cast("Result[K, Undecodable]", self._by_hook(self._key_decoder(model), keys))

    def check_keys(self, model: Hint) -> None:
        """Raise `ConfigurationError`, naming the field, if the table's keys do not make this model."""
        self._key_decoder(model)
        known = {key.name for key in self.keys.attributes}
        for field in model_fields(model, self.hooks):
            if known and field.required and field.attribute not in known:
                raise ConfigurationError(
                    f"{model}.{field.name} is no key of {self._name}, whose keys are {', '.join(sorted(known))}"
                )

    def _key_decoder(self, model: Hint) -> Decoder:
        if model not in self._key_decoders:
            self._key_decoders[model] = self._compile(structure_hook(model, self.hooks), model)
        return self._key_decoders[model]

    def _by_hook(self, decoder: Decoder, image: Image) -> Result[object, Undecodable]:
        value = {"M": image}
        if problems := tuple(find_problems(decoder.hook, decoder.hint, value, self._place)):
            return Failure(Undecodable(problems))
        return make_success(decoder.hook(value, decoder.hint))

    def _find_keys(self) -> TableKeys:
        """Return the marked keys. The models of a union have to agree, where they mark any.

        One kind of item may have a time to live that another has not.
        """
        marked = [
            (_name(model), keys_of(_name(model), model_fields(model, self.hooks))) for model in self.models
        ]
        keyed = [(name, keys) for name, keys in marked if keys.attributes]
        for name, keys in keyed:
            if keys.attributes != keyed[0][1].attributes:
                raise ConfigurationError(
                    f"the models of {self._name} mark different keys, {keyed[0][0]} and {name}: "
                    "a table has the same for all its items"
                )
        expiring = [(name, keys.time_to_live) for name, keys in marked if keys.time_to_live is not None]
        for name, attribute in expiring:
            if attribute != expiring[0][1]:
                raise ConfigurationError(
                    f"the models of {self._name} mark different attributes TimeToLive, {expiring[0][0]} and {name}: "
                    "a table has one, which need not be in each model"
                )
        keys = keyed[0][1] if keyed else marked[0][1]
        return keys._replace(time_to_live=expiring[0][1] if expiring else None)


class Table(Generic[T]):
    """A table of items of one model, or of a union of models, paired with a cattrs `converter`."""

    def __init__(
        self,
        name: str,
        model: TypeForm[T],
        *,
        converter: Converter | None = None,
        forbid_unknown_attributes: bool = False,
        include_values: bool = False,
        generated: bool = True,
        pattern: Mapping[str, object] | None = None,
    ) -> None:
        """Declare a table, by the name in its stream's ARN.

        `model` is a dataclass, an attrs class, a TypedDict, a generic one with its arguments, or a union of
        them. `converter` is one from `make_converter`, with hooks of your own. `forbid_unknown_attributes` refuses
        images with attributes that the model does not have; problems name such attributes of the item itself, and
        count those of a map within it, whose names may be data. With a converter of your own, set
        ``forbid_extra_keys`` there. `include_values` puts values into problems: leave it off where logs may
        be read by many. Images are read by functions that are generated for the model, which `explain` shows;
        with `generated` False its hooks read them, to the same effect and slower. `pattern` is
        an EventBridge pattern of raw records: the table is taken for one of only those that match.

        Raises `ConfigurationError`, naming the field, for a model that attribute values cannot be made into; naming the
        place, for a pattern that AWS would refuse or that no record of the table can match; and for a name that no
        table has.
        """
        checked_table_name(name, "Table")
        check_flag(forbid_unknown_attributes, "forbid_unknown_attributes")
        check_flag(include_values, "include_values")
        check_flag(generated, "generated")
        if converter is not None and forbid_unknown_attributes:
            raise ConfigurationError(
                "forbid_unknown_attributes is for tables without a converter: pass forbid_extra_keys to yours"
            )
        self.name = name
        self.model = model
        if converter is not None and not has_methods(converter, "get_structure_hook", "get_unstructure_hook"):
            raise ConfigurationError(
                f"converter is one of cattrs, got {kind_of(converter)}: make it with make_converter()"
            )
        if converter is not None and not is_configured(converter):
            raise ConfigurationError(
                "the converter does not know attribute values: make it with make_converter()"
            )
        self._converter = converter
        self._compiled: CompiledTable[T] = CompiledTable(
            name,
            model,
            converter or LightConverter(forbid_extra_keys=forbid_unknown_attributes),
            reveals=include_values,
            generated=generated,
            pattern=pattern,
        )
        for each in self._compiled.models:
            # A caller that looks the table up has an item of its model.
            same = _registry.setdefault(cast("type", origin(each)), WeakSet())
            same.add(cast("Table[object]", self))

    @property
    def converter(self) -> Converter:
        """The cattrs converter that the table is paired with: the one that it was given, or else one of its own.

        That one is made at first access, and cattrs is loaded then. Its hooks come from the factories from which the
        table's decoders are compiled, so ``converter.structure({"M": image}, model)`` returns the item that `structure`
        returns, and raises `ValueError` where `structure` returns a Failure. Hooks that are registered on it later do
        not change the table: pass a converter with hooks of your own to `Table`.

        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Card:
        ...     id: int
        >>> cards = Table("prod-Card", Card)
        >>> cards.converter.structure({"M": {"id": {"N": "1"}}}, Card)
        Card(id=1)
        >>> cards.converter.unstructure(Card(1))
        {'M': {'id': {'N': '1'}}}
        """
        with _pairing:
            if self._converter is None:
                self._converter = make_converter(forbid_extra_keys=self._compiled.hooks.forbid_extra_keys)
            return self._converter

    def structure(self, image: Image) -> Result[T, Undecodable]:
        """Return the item of an image, or an `Undecodable` with all its problems.

        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Card:
        ...     id: int
        >>> cards = Table("prod-Card", Card)
        >>> cards.structure({"id": {"N": "1"}})
        <Success: Card(id=1)>
        >>> str(cards.structure({"id": {"S": "one"}}).failure())
        '$.id: expected N, got S'
        """
        try:
            return make_success(self._compiled.decode(image))
        except Exception:  # noqa: BLE001 (the second pass finds the problems)
            return self._compiled.structure_detailed(image)

    def structure_keys(self, model: type[K], keys: Image) -> Result[K, Undecodable]:
        """Return an instance of another model, made of an item's keys; see `structure`."""
        try:
            return make_success(self._compiled.key_decoder(model)(keys))
        except Exception:  # noqa: BLE001 (as in `structure`)
            return self._compiled.structure_keys_detailed(model, keys)

    def unstructure(self, item: T) -> dict[str, AttributeValue]:
        """Return the image of an item, as boto3's clients take it: numbers are text, binaries are bytes.

        Raises `ValueError`, which names the field, for a value that DynamoDB does not store.

        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Card:
        ...     id: int
        ...     title: str
        >>> Table("prod-Card", Card).unstructure(Card(1, "hello"))
        {'id': {'N': '1'}, 'title': {'S': 'hello'}}
        """
        # The hook of a model returns an M.
        value = cast("dict[str, dict[str, AttributeValue]]", self._compiled.unstructure_hook(item))
        return value["M"]

    def keys(self, item: T) -> dict[str, AttributeValue]:
        """Return the key attributes of an item: the ``Key`` that boto3's clients take.

        Raises `ConfigurationError` if the model marks no `PartitionKey`.
        """
        image = self.unstructure(item)
        return {key.name: image[key.name] for key in self._marked_keys()}

    def definition(self, view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES) -> TableDefinition:
        """Return the arguments of boto3's ``create_table`` and ``update_time_to_live`` for the table.

        The table is billed by request and has a stream of this view type. Both parts are typed as boto3's
        stubs type the calls: ``dynamodb.create_table(**cards.definition().create_table)`` passes mypy and
        pyright with boto3-stubs and with types-boto3. ``update_time_to_live`` is None for a model that marks
        no `TimeToLive`. Raises `ConfigurationError` if the model marks no `PartitionKey`.
        """
        keys = self._marked_keys()
        from streamfn._aws import definition_of  # a script makes tables, and a cold start pays for none

        return definition_of(self.name, keys, self._compiled.keys.time_to_live, view_type)

    def _marked_keys(self) -> tuple[KeyAttribute, ...]:
        if not self._compiled.keys.attributes:
            raise ConfigurationError(
                f"the model of {self.name} marks no key: write Annotated[…, PartitionKey] in it"
            )
        return self._compiled.keys.attributes

    @override
    def __repr__(self) -> str:
        return f"Table({self.name!r}, {' | '.join(map(_name, self._compiled.models))})"


_pairing: Final = Lock()
"""Held while a table makes its converter, so that two threads get the same one."""


def compiled_table(table: Table[T]) -> CompiledTable[T]:
    """Return the hooks, decoders, keys and pattern of a table."""
    return table._compiled  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (for this library, not for users)


def tables_of(model: type) -> tuple[Table[object], ...]:
    """Return the tables of a model, alone or in a union."""
    return tuple(_registry.get(model, ()))


def tables_of_dicts() -> tuple[Table[object], ...]:
    """Return the tables of TypedDicts: their items are dicts, which do not name their model."""
    tables = {id(table): table for model, same in _registry.items() if is_typed_dict(model) for table in same}
    return tuple(tables.values())


def unregister(table: Table[T]) -> None:
    """Remove a table that is no table of DynamoDB from `tables_of`."""
    for tables in _registry.values():
        tables.discard(cast("Table[object]", table))  # it is removed, and not used


def _shown(model: Hint) -> str:
    """Return the text of a model in messages; of an instance, the class, since it may hold people's data."""
    return repr(model) if isinstance(model, type | str) or get_origin(model) is not None else kind_of(model)


def _name(model: Hint) -> str:
    return str(getattr(model, "__name__", model))


# The text of the functions that are generated for a model.


@overload
def explain(table: Table[T], /) -> str: ...
@overload
def explain(model: TypeForm[T], /) -> str: ...
def explain(model: object, /) -> str:
    """Return the text of the functions that read the images of a table, or of a model that has no table yet.

    They are generated when the table is declared. Tracebacks and debuggers show their lines as well. The text is
    empty for a table with `generated` False, and for a model with a hook of your own.

    Raises `ConfigurationError` for a model that attribute values cannot be made into.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Card:
    ...     title: str
    >>> print(explain(Card))
    # How images are read. ...
    def structure_Card(image):
        ...
        value = image["title"]
        content = value["S"]
        if len(value) == 1 and type(content) is str:
            made.title = content
        else:
            made.title = structure_str(value)
        made.__class__ = Card
        return made
    <BLANKLINE>
    """
    if isinstance(model, Table):
        return compiled_table(cast("Table[object]", model)).source
    return compile_decoder(structure_hook(model, LightConverter(forbid_extra_keys=False)), model).source

"""Arguments of optimizers: fields of a class that are checked at each assignment.

The annotation of a field names its domain, as in `schuss.schedules`, and its value is the default::

    beta1: Fraction = 0.9

A `Hyperparameter` may be a schedule, an `Option` may not.
"""

from __future__ import annotations

import copy
import functools
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from ..checks import flag, number
from ..suggest import Declared, with_known_arguments

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    from ..schedules import Schedule
else:

    def dataclass_transform(**_):
        """Return what leaves a class as it is: only type checkers read the decorator."""
        return lambda cls: cls


__all__ = [
    "Choice",
    "Configured",
    "Fraction",
    "Hyperparameter",
    "Maybe",
    "NonNegative",
    "Option",
    "Rate",
    "Setting",
    "Switch",
    "Value",
]

Value: TypeAlias = "float | Schedule"
Maybe: TypeAlias = "float | Schedule | None"


@functools.cache
def _texts(doc: str | None) -> dict[str, str]:
    """Return what the docstring of a class says of its arguments."""
    _, _, arguments = inspect.cleandoc(doc or "").partition("Args:\n")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", arguments, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


class Setting:
    """A checked attribute of an optimizer, kept in its `__dict__`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.__doc__ = _texts(owner.__doc__).get(name) or self.general()

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is None:
            return self
        try:
            return obj.__dict__[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    def __set__(self, obj: Any, value: Any) -> None:
        checked = self.check(self.name, value)
        if not callable(checked):
            for path in obj._float32_paths(self.name):
                self.check_float32(self.name, checked, path)
        obj.__dict__[self.name] = checked
        obj.__dict__["_stale"] = True

    def general(self) -> str | None:
        """Return what help says where the docstring of the class does not explain it."""
        return None

    def check(self, name: str, value: Any) -> Any:
        """Return the value in its final form, or raise an error that names it."""
        raise NotImplementedError

    def check_float32(self, label: str, value: Any, path: str) -> None:
        """Refuse a number that turns into another kind of number for float32 parameters."""
        raise NotImplementedError


def _refuse_in_float32(label: str, value: float, what: str, came: float, path: str) -> None:
    where = f"params[{path!r}]" if path else "params"
    raise ValueError(
        f"{label} is {value!r}; float32, the arithmetic of {where}, makes {came:g} of {what}, and "
        "a number that it can hold is wanted"
    )


def _in_float32(value: float) -> float:
    """Return 0, 1 or infinity where float32 makes that of a number >= 0, else the number.

    By comparisons, which no rounding mode and no flush-to-zero of the host changes.
    """
    if value <= 2.0**-150:
        return 0.0
    if value >= 2.0**128 - 2.0**103:
        return math.inf
    return 1.0 if 1.0 - 2.0**-25 <= value < 1.0 else value


class Hyperparameter(Setting):
    """A number in [minimum, below), or a schedule of such numbers, on an optimizer.

    fades: a schedule may run down to less than float32 holds, which is 0.
    double: only coefficients in double are made of it, whatever the dtype of the parameters.
    absent: the number that None stands for; without one None is refused.
    """

    def __init__(
        self,
        *,
        minimum: float = 0.0,
        below: float = math.inf,
        fades: bool = False,
        double: bool = False,
        absent: float | None = None,
    ) -> None:
        self.minimum = minimum
        self.below = below
        self.fades = fades
        self.double = double
        self.absent = absent

    def general(self) -> str:
        """Return its range in words."""
        top = f" and below {self.below:g}" if self.below < math.inf else ""
        none = "" if self.absent is None else ", or None"
        return f"A number of at least {self.minimum:g}{top}, or a schedule of such numbers{none}."

    def check(self, name: str, value: object) -> Any:
        """Return a checked number, or a schedule as it is: its values are checked at each step."""
        return value if callable(value) else self.constant(name, value)

    def constant(self, name: str, value: object) -> Any:
        """Return a checked value that is no schedule."""
        return None if value is None and self.absent is not None else self.number(name, value)

    def in_core(self, value: Any) -> float:
        """Return a checked value that is no schedule as the number that the core takes for it."""
        return float(self.absent if value is None else value)  # type: ignore[arg-type]

    def number(self, name: str, value: object) -> float:
        """Return the value as a float in range, or raise an error that names it."""
        return number(name, value, minimum=self.minimum, below=self.below)

    def check_float32(
        self, label: str, value: float | None, path: str, scheduled: bool = False
    ) -> None:
        """Refuse what float32 makes 0, infinite, or no longer less than `below` of."""
        if value is None or self.double or 1e-30 < value < 0.99:
            return
        came = _in_float32(value)
        vanishes = came == 0.0 != value and not (scheduled and self.fades)
        if vanishes or not came < self.below:
            _refuse_in_float32(label, value, "it", came, path)

    def at(self, t: int, value: object) -> float:
        """Return the checked value of a schedule after t steps."""
        if type(value) is float and self.minimum <= value < self.below:
            return value
        return self.number(f"{self.name}({t})", value)


class Choice(Hyperparameter):
    """One of some words, which stand for numbers of the core."""

    def __init__(self, words: Mapping[Any, float]) -> None:
        super().__init__()
        self.words = words

    def general(self) -> str:
        """Return the words."""
        return f"One of {', '.join(map(repr, self.words))}."

    def check(self, name: str, value: object) -> Any:
        """Return the value if it is one of the words, or raise an error that names it."""
        return self.constant(name, value)

    def constant(self, name: str, value: object) -> Any:
        """Return the value if it is one of the words, or raise an error that names it."""
        for word in self.words:
            if type(word) is type(value) and word == value:
                return value
        wanted = ", ".join(map(repr, self.words))
        raise ValueError(f"{name} is {value!r}; one of {wanted} is wanted")

    def in_core(self, value: Any) -> float:
        """Return the number of a word."""
        return self.words[value]

    def check_float32(self, label: str, value: Any, path: str, scheduled: bool = False) -> None:
        """Words are no numbers of float32."""


class Option(Setting):
    """A setting that is no hyperparameter; `check(name, value)` returns it in its final form.

    in_kernels: name and value of what is made of it in the dtype of the parameters, if anything is.
    """

    def __init__(
        self,
        check: Callable[[str, Any], Any],
        in_kernels: Callable[[Any], tuple[str, float]] | None = None,
    ) -> None:
        self._check = check
        self._in_kernels = in_kernels

    def check(self, name: str, value: Any) -> Any:
        """Return the value in its final form, or raise an error that names it."""
        return self._check(name, value)

    def in_core(self, value: Any) -> float:
        """Return a flag as the number that a rule takes for it."""
        return float(value)

    def check_float32(self, label: str, value: Any, path: str) -> None:
        """Refuse what the kernels would see as 0 or infinite."""
        if self._in_kernels is None or value is None:
            return
        what, used = self._in_kernels(value)
        came = _in_float32(used)
        if came == 0.0 != used or math.isinf(came):
            _refuse_in_float32(label, value, what, came, path)


Rate = Annotated[Value, Hyperparameter(fades=True)]
Fraction = Annotated[Value, Hyperparameter(below=1.0)]
NonNegative = Annotated[Value, Hyperparameter()]
Switch = Annotated[bool, Option(flag)]


@dataclass_transform(eq_default=False)
class Configured(Declared):
    """A class whose annotated fields are the arguments of its constructor, as in a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        hints = inspect.get_annotations(cls, eval_str=True)
        settings = {}
        for name, hint in hints.items():
            for setting in getattr(hint, "__metadata__", ()):
                settings[name] = copy.copy(setting)
                hints[name] = getattr(hint.__origin__, "__forward_arg__", hint.__origin__)
        cls.__annotations__ = hints  # what help and signatures show
        doc, made = cls.__doc__, "__init__" not in vars(cls)
        dataclass(eq=False, repr=False)(cls)  # before the settings: it reads the defaults
        cls.__doc__ = doc  # None, where the one of a base is to be found
        for name, setting in settings.items():
            setting.__set_name__(cls, name)
            setattr(cls, name, setting)
        if made:
            known = with_known_arguments(cls.__name__, cls.__init__)
            setattr(cls, "__init__", _without_params(known))  # noqa: B010


def _without_params(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that says where parameters go, when they come first as elsewhere."""

    @functools.wraps(init)
    def call(self: Any, *args: Any, **keywords: Any) -> None:
        first: Any = args[0] if args else keywords.get("learning_rate")
        containers = (list, tuple, Mapping, Iterator)
        if (
            isinstance(first, containers)
            or hasattr(first, "parameters")
            or (hasattr(first, "shape") and math.prod(first.shape) != 1)
        ):
            raise TypeError(
                f"learning_rate is a {type(first).__name__}; a number or a schedule is wanted: "
                "parameters go to step(params, grads), not to the constructor"
            )
        init(self, *args, **keywords)

    return call

"""Values of a config: what any field may hold, whatever it means."""

import math
from collections.abc import Generator, Mapping
from fnmatch import fnmatch
from typing import Any

from ebmjax.messages import shown

WHOLE = ("num_*", "batch_size", "bank_size", "latent_dim*", "widths", "hidden", "extractor", "picture", "held_out")
"""Patterns of the last part of the names of fields that hold whole numbers, in every experiment."""

LARGEST_INT, LARGEST_FLOAT = 2**31 - 1, 3.4028234663852886e38
"""Of the 32 bits in which JAX computes."""

KINDS = {int: "whole numbers", float: "numbers", str: "strings", bool: "True or False", tuple: "tuples"}
"""What a config may hold, besides None and sections."""


def check_values(values: Mapping[str, Any]) -> None:
    """Raise ValueError, one line, for what no run can use: a number that is not finite in 32 bits, one that is not
    whole where `WHOLE` says so, and a value that config.json cannot hold.

    values: {"model.energy.widths": (64, 64), ...}.
    """
    for field, value in values.items():
        whole = any(fnmatch(field.split(".")[-1], pattern) for pattern in WHOLE)
        for item in _items(value):
            if type(item) not in KINDS and item is not None:
                hint = "; write a tuple" if isinstance(item, list) else ""
                kinds = ", ".join(KINDS.values())
                raise ValueError(f"{field} holds {type(item).__name__}: a config may hold {kinds}, and None{hint}")
            if isinstance(item, float) and (math.isnan(item) or abs(item) > LARGEST_FLOAT):
                raise ValueError(f"{field} = {value} must be finite, in 32 bits")
            if isinstance(item, int) and abs(item) > LARGEST_INT:
                raise ValueError(f"{field} = {shown(value)} must be in [{-LARGEST_INT}, {LARGEST_INT}]")
            if whole and type(item) is not int:
                raise ValueError(f"{field} = {shown(value)} must hold whole numbers, not {shown(item)}")


def check_tuples(overrides: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise ValueError, one line, unless the items of each overridden tuple have types that the default's have.

    A whole number may replace another number; an empty default says nothing. ml_collections checks values that are no
    tuples.

    overrides, defaults: as for `check_values`.
    """
    for field, value in overrides.items():
        default = defaults.get(field)
        kinds = {type(item) for item in default} if isinstance(value, tuple) and isinstance(default, tuple) else set()
        allowed = kinds | ({int} if float in kinds else set())
        wrong = [item for item in value if type(item) not in allowed] if kinds else []
        if wrong:
            kind = " or ".join(sorted(KINDS.get(kind, kind.__name__) for kind in kinds))
            raise ValueError(f"{field} = {shown(value)} must hold {kind}, not {shown(wrong[0])}")


def _items(value: Any) -> Generator[Any, None, None]:
    """The value, or if it is a tuple what it holds, and what tuples in it hold."""
    for item in value if isinstance(value, tuple) else ():
        yield from _items(item)
    if not isinstance(value, tuple):
        yield value

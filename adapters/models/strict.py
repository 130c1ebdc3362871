"""A JSON schema as strict servers take it: every object closed, every property required, few keywords."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

KEPT: Final = frozenset(
    {
        *("type", "description", "enum", "const", "pattern", "anyOf"),
        *("items", "properties", "required", "additionalProperties"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }
)
"""Keywords that are handed on; what others say is judged by us anyway. Source: DeepSeek's guide to tool calls."""
_NULL: Final = {"type": "null"}


def strict(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema, in which what may be left out may be null instead.

    Raises:
        ValueError: it has an object of any keys, which no strict server takes.
    """
    return _strict(shape, shape)


def _strict(part: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        name = part["$ref"].removeprefix("#/$defs/")
        return _strict({**whole["$defs"][name], **{key: part[key] for key in part if key != "$ref"}}, whole)
    found = {key: value for key, value in part.items() if key in KEPT}
    for key in ("anyOf", "oneOf", "allOf"):
        if key in part:
            found["anyOf"] = [_strict(one, whole) for one in part[key]]
    if isinstance(part.get("items"), Mapping):
        found["items"] = _strict(part["items"], whole)
    if part.get("type") == "object":
        if part.get("additionalProperties", False) not in (True, False) or "properties" not in part:
            raise ValueError("an object of any keys has no strict form")
        needed = part.get("required", ())
        properties = {name: _strict(one, whole) for name, one in part["properties"].items()}
        found["properties"] = {name: one if name in needed else _or_null(one) for name, one in properties.items()}
        found |= {"required": [*properties], "additionalProperties": False}
    return found


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    choices = part.get("anyOf", [part])
    if _NULL in choices:
        return part
    told = {"description": part["description"]} if "description" in part and "anyOf" in part else {}
    return {"anyOf": [*choices, _NULL], **told}


def loosened(shape: Mapping[str, Any]) -> frozenset[str]:
    """The names of what may be left out somewhere in a schema."""
    parts = [shape, *shape.get("$defs", {}).values()]
    found: set[str] = set()
    while parts:
        part = parts.pop()
        found |= {*part.get("properties", {})} - {*part.get("required", ())}
        parts += part.get("properties", {}).values()
        parts += [one for key in ("anyOf", "oneOf", "allOf") for one in part.get(key, ())]
        parts += [part["items"]] if isinstance(part.get("items"), Mapping) else []
    return frozenset(found)


def without_nulls(text: str, names: Collection[str]) -> str:
    """An answer in which what stands as null is left out again; what is no JSON stays as it is.

    >>> without_nulls('{"a": null, "b": null, "c": [{"a": 1.10}]}', {"a"})
    '{"b": null, "c": [{"a": 1.1}]}'
    """

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if value is not None or key not in names}

    try:
        return json.dumps(json.loads(text, object_pairs_hook=kept), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text

"""What pydantic found wrong, in Chinese."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pydantic_core import ErrorDetails

_PROBLEMS: Final = {
    "bool_parsing": "要写 true 或 false",
    "date_from_datetime_parsing": "要写日期，例如 2026-03-31",
    "date_parsing": "要写日期，例如 2026-03-31",
    "decimal_parsing": "要写数字",
    "enum": "只能是 {expected}",
    "extra_forbidden": "不认识这一项",
    "float_parsing": "要写数字",
    "greater_than": "要大于 {gt}",
    "greater_than_equal": "不能小于 {ge}",
    "int_from_float": "要写整数",
    "int_parsing": "要写整数",
    "less_than": "要小于 {lt}",
    "less_than_equal": "不能大于 {le}",
    "literal_error": "只能是 {expected}",
    "missing": "缺少这一项",
    "model_attributes_type": "要写成 {{名字: 值}} 的样子",
    "model_type": "要写成 {{名字: 值}} 的样子",
    "too_short": "至少要写一个",
    "tuple_type": "要写成列表，每项一行，以“- ”开头",
}


def problem_text(error: ErrorDetails) -> str:
    """Without a full stop, to be put behind the name of the field; a sentence of our own validators stays as it is."""
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    # The bound of a time is a text already.
    shown = {
        name: f"{bound:g}" if isinstance(bound, int | float | Decimal) else bound for name, bound in context.items()
    }
    found = _PROBLEMS.get(error["type"], "写得不对").format(**shown)
    return found.replace("' or '", "' 或 '").replace("', '", "'、'")

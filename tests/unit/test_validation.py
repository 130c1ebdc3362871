"""What pydantic found wrong is said in Chinese, whatever kind of value the bound is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from bot.validation import problem_text


@pytest.mark.parametrize(
    ("asked", "given", "said"),
    [
        (Annotated[Decimal, Field(le=Decimal(50))], "99", "不能大于 50"),
        (Annotated[float, Field(gt=0.5)], 0.1, "要大于 0.5"),
        (Annotated[timedelta, Field(ge=timedelta(minutes=1))], timedelta(seconds=30), "不能小于 1 minute"),
    ],
)
def test_a_bound_is_said_as_a_number_or_as_it_is(asked: Any, given: object, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(asked).validate_python(given)
    assert problem_text(caught.value.errors()[0]) == said

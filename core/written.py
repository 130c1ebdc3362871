"""Numbers as they are spoken and written in Chinese: 一千四 is 1400, 一四二零 is 1420."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_FORMAL: Final = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟两〇", "一二三四五六七八九十百千二零")
_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九")}
_SMALL: Final = {"十": 10, "百": 100, "千": 1000}


def spoken_number(text: str) -> Decimal | None:
    """The number that Chinese numerals say; None where they say none.

    >>> [str(spoken_number(one)) for one in ("一千四", "两百六", "一万二", "三点五", "一四二零", "十五", "一百零三")]
    ['1400', '260', '12000', '3.5', '1420', '15', '103']
    >>> spoken_number("百千"), spoken_number("五一十")
    (None, None)
    """
    whole, point, parts = text.translate(_FORMAL).replace("廿", "二十").replace("卅", "三十").partition("点")
    if point and not (parts and all(char in _DIGITS for char in parts)):
        return None
    value = _whole(whole)
    if value is None:
        return None
    fraction = "".join(str(_DIGITS[char]) for char in parts)
    return Decimal(f"{value}.{fraction}") if fraction else Decimal(value)


def _whole(text: str) -> int | None:
    if text and all(char in _DIGITS for char in text):
        return int("".join(str(_DIGITS[char]) for char in text))
    total, rest = 0, text
    for word, size in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = rest.partition(word)
        if not found:
            continue
        below = _below(head)
        if not below:
            return None
        total += below * size
        rest = tail
        if len(rest) == 1 and rest in _DIGITS:  # 一万二: the next size below
            return total + _DIGITS[rest] * (size // 10)
    if not rest:
        return total or None
    last = _below(rest)
    return None if last is None else total + last


def _below(text: str) -> int | None:
    """Under ten thousand."""
    total, largest = 0, 10**4
    digit: int | None = None
    after_zero = False
    for char in text:
        if char == "零":
            if digit is not None:
                return None
            after_zero = True
        elif char in _DIGITS:
            if digit is not None:
                return None
            digit = _DIGITS[char]
        else:
            size = _SMALL.get(char)
            if size is None or size >= largest or (digit is None and (char != "十" or total)):
                return None
            total += (1 if digit is None else digit) * size
            digit, largest, after_zero = None, size, False
    if digit is None:
        return total or None
    short = largest // 10 if 100 <= largest < 10**4 and not after_zero else 1
    return total + digit * short

"""How near a written word is to a name: characters that are wrong, missing or swapped, and those that sound alike.

No pinyin is at hand when the program runs. What a character sounds like is its first letter alone, which the table of
names tells for each of its own characters, and the order of GB2312 for the other common ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

_FAR: Final = (0.0, 0.0, 0.5, 1.0, 1.0, 1.5)
"""How much may be wrong in a word of so many characters."""
_PART: Final = 0.75
_SWAPPED: Final = 0.75
_SOUNDS_ALIKE: Final = 0.5

# The first character of each letter in GB2312's first level, which is ordered by reading. Source: GB 2312-80.
_FIRST: Final = "啊芭擦搭蛾发噶哈击喀垃妈拿哦啪期然撒塌挖昔压匝"
_BOUNDS: Final = tuple(
    (char.encode("gb2312"), letter) for char, letter in zip(_FIRST, "abcdefghjklmnopqrstwxyz", strict=True)
)
_END: Final = "座".encode("gb2312")


def apart(word: str, name: str, letter: Callable[[str], str]) -> float | None:
    """How many characters lie between what was written and a name; None when it is too far to be meant.

    Args:
        letter: with which one a character is typed.

    >>> apart("贵洲茅台", "贵州茅台", gb2312_letter), apart("宁德代时", "宁德时代", gb2312_letter)
    (0.5, 0.75)
    >>> apart("招商银", "招商银行", gb2312_letter), apart("平安银行", "兴业银行", gb2312_letter)
    (0.75, None)
    """
    far = _FAR[min(len(word), len(_FAR) - 1)]
    if name.startswith(word) or (len(word) > 2 and word in name):
        return _PART
    if abs(len(name) - len(word)) > 1:
        return None
    # Optimal string alignment, a row per character of the word.
    earlier: list[float] = []
    before: list[float] = []
    row = [float(one) for one in range(len(name) + 1)]
    for i, char in enumerate(word, 1):
        earlier, before, row = before, row, [float(i)]
        for j, other in enumerate(name, 1):
            wrong = 0.0 if char == other else _SOUNDS_ALIKE if _alike(char, other, letter) else 1.0
            cost = min(before[j - 1] + wrong, before[j] + 1, row[j - 1] + 1)
            if i > 1 and j > 1 and char == name[j - 2] and word[i - 2] == other:
                cost = min(cost, earlier[j - 2] + _SWAPPED)
            row.append(cost)
        if min(row) > far:
            return None
    return row[-1] if row[-1] <= far else None


def _alike(char: str, other: str, letter: Callable[[str], str]) -> bool:
    said = letter(char)
    return bool(said) and not char.isascii() and said == letter(other)


def letters_said(read: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For each character of names and the letters they are typed with, the letter that it has most often.

    >>> letters_said([("平安银行", "payh"), ("五粮液", "wly")])["行"]
    'h'
    """
    said: dict[str, Counter[str]] = {}
    for name, letters in read:
        for char, letter in zip(name, letters, strict=True):
            if not char.isascii():
                said.setdefault(char, Counter())[letter] += 1
    return {char: count.most_common(1)[0][0] for char, count in said.items()}


def gb2312_letter(char: str) -> str:
    """The first letter of a common character; empty where it is not among these.

    >>> gb2312_letter("曦"), gb2312_letter("股")
    ('', 'g')
    """
    try:
        code = char.encode("gb2312")
    except UnicodeEncodeError:
        return ""
    if not _BOUNDS[0][0] <= code <= _END:
        return ""
    return next(letter for first, letter in reversed(_BOUNDS) if first <= code)

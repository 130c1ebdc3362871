"""The code that pairs a bot with a gateway, and what they say to each other while it is used.

A code holds the beginning of the fingerprint of the gateway's authority and a secret: whoever types it checks the first
half before it shows the second, so a stranger in between learns nothing and is not trusted.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final, NamedTuple

from core.errors import Invalid
from core.types import Noun
from core.wire import Right

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ: Final = {**{letter: place for place, letter in enumerate(_ALPHABET)}, "O": 0, "I": 1, "L": 1}
_PRINT: Final = 12
_SECRET: Final = 8
_LETTERS: Final = (_PRINT + _SECRET) * 8 // 5
_GROUP: Final = 4


class Code(NamedTuple):
    """96 bits of a SHA-256 fingerprint, and 64 bits that nobody can guess."""

    fingerprint: bytes
    secret: str

    def text(self) -> str:
        """Eight groups of four letters and digits, none of which looks like another.

        >>> Code(bytes(12), "00000000000000ff").text()
        '0000-0000-0000-0000-0000-0000-0000-007Z'
        """
        number = int.from_bytes(self.fingerprint + bytes.fromhex(self.secret))
        letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LETTERS)))
        return "-".join(letters[start : start + _GROUP] for start in range(0, _LETTERS, _GROUP))

    def vouches_for(self, fingerprint: bytes) -> bool:
        return fingerprint[:_PRINT] == self.fingerprint


def new_code(fingerprint: bytes) -> Code:
    """With a secret of its own."""
    return Code(fingerprint[:_PRINT], secrets.token_hex(_SECRET))


def read_code(text: str) -> Code:
    """What somebody typed, in small letters too, with or without the lines between the groups.

    Raises:
        Invalid: it is no code.

    >>> read_code(Code(bytes(range(12)), "00112233445566ff").text().lower()).secret
    '00112233445566ff'
    """
    letters = [letter for letter in text.upper() if letter not in "- \t"]
    if len(letters) != _LETTERS or any(letter not in _READ for letter in letters):
        raise Invalid(
            f"配对码是 {_LETTERS // _GROUP} 组、每组 {_GROUP} 个字母或数字，请从网关那台电脑上完整地复制过来。"
        )
    number = 0
    for letter in letters:
        number = number << 5 | _READ[letter]
    whole = number.to_bytes(_PRINT + _SECRET)
    return Code(whole[:_PRINT], whole[_PRINT:].hex())


class Asking(Noun):
    """Attributes: pem: a request for a certificate."""

    secret: str
    pem: str


class Admitted(Noun):
    """What a bot gets.

    Attributes:
        pem: its certificate.
        port: where the gateway itself listens.
    """

    bot: str
    pem: str
    token: str
    port: int
    rights: tuple[Right, ...]
    until: datetime


class Authorized(Noun):
    """The certificate of the gateway's authority, which is no secret."""

    pem: str

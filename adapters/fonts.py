"""The font that pictures are written with: one of the system's that knows Chinese, or Pillow's own without Chinese.

None is shipped. A character that the font lacks is left out: no picture shows the little box that stands for it.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LOG: Final = logging.getLogger(__name__)

SAMPLE: Final = "盯盘茅台"
"""What a font must be able to write."""
INSTALL: Final = "pip install 'dingpan[pictures]'"
"""Brings a Chinese font."""
_ANY_SIZE: Final = 24
_UNKNOWN: Final = "\uffff"
"""No character, so that every font shows what it shows for one that it lacks."""
_PATIENCE: Final = 5.0


class Source(NamedTuple):
    """A font file, and which of its faces."""

    path: Path
    face: int = 0


# Where the systems keep fonts that write simplified Chinese, the better ones first. The third face of Noto's
# collection is the simplified one.
_WINDOWS: Final = ("msyh.ttc", "msyh.ttf", "Deng.ttf", "simhei.ttf", "simsun.ttc")
_MACOS: Final = (
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "/Library/Fonts/Arial Unicode.ttf",
)
_LINUX: Final = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),  # Debian, Ubuntu
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),  # Arch
    ("/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc", 2),  # Fedora
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf", 0),
)
_PACKAGE: Final = ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf")
"""What the extra ``pictures`` installs: Noto Sans SC under the SIL Open Font License."""


def sources() -> Iterator[Source]:
    """Where to look, in order; whether anything is there is another question."""
    if sys.platform == "win32":
        folders = [Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts")]
        if local := os.environ.get("LOCALAPPDATA"):
            folders.append(Path(local, "Microsoft", "Windows", "Fonts"))
        yield from (Source(folder / name) for name in _WINDOWS for folder in folders)
    elif sys.platform == "darwin":
        yield from (Source(Path(path)) for path in _MACOS)
    else:
        yield from (Source(Path(path), index) for path, index in _LINUX)
    yield from _packaged()
    yield from _matched()


def _packaged() -> Iterator[Source]:
    package, file = _PACKAGE
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield Source(Path(folder, file))


def _matched() -> Iterator[Source]:
    """What fontconfig would take for Chinese; it always names something, which may know none."""
    program = shutil.which("fc-match")
    if program is None:
        return
    command = [program, "-f", "%{index} %{file}", "sans:lang=zh-cn"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 - nothing in it is from outside
    except (OSError, subprocess.SubprocessError):
        return
    index, _, path = done.stdout.decode("utf-8", "replace").partition(" ")
    if path and index.isdigit():
        yield Source(Path(path.strip()), int(index) & 0xFFFF)  # above are the instances of a variable font


class Face:
    """A font in all the sizes that a picture needs.

    Attributes:
        chinese: whether it can write Chinese; else only what is ASCII should be given to it.
    """

    def __init__(self, source: Source | None) -> None:
        """None is the small font inside Pillow.

        Raises:
            OSError: the file is no font that can be read.
        """
        self._source = source
        self.font = lru_cache(maxsize=16)(self._open)
        self._known: dict[str, bool] = {}
        self._lacking = self._shape(_UNKNOWN)
        self.chinese = all(self._can(character) for character in SAMPLE)
        self.name = " ".join(part for part in self.font(_ANY_SIZE).getname() if part)

    def _open(self, size: int) -> FreeTypeFont:
        from PIL import ImageFont
        from PIL.ImageFont import FreeTypeFont

        if self._source is None:
            font = ImageFont.load_default(size)
            assert isinstance(font, FreeTypeFont)  # what every wheel of Pillow brings
            return font
        return ImageFont.truetype(self._source.path, size, self._source.face, layout_engine=ImageFont.Layout.BASIC)

    def _shape(self, character: str) -> tuple[tuple[int, int], bytes]:
        mask = self.font(_ANY_SIZE).getmask(character)
        return mask.size, bytes(mask)

    def _can(self, character: str) -> bool:
        known = self._known.get(character)
        if known is None:
            known = character.isspace() or self._shape(character) != self._lacking
            self._known[character] = known
        return known

    def clean(self, text: str) -> str:
        """What of a text can be written, on one line."""
        kept = (character for character in text if self._can(character))
        return " ".join("".join(kept).split())

    def describe(self) -> str:
        """The font, or what to do about its absence."""
        if self.chinese:
            return self.name
        remedy = f"请运行 {INSTALL}，或装一个系统中文字体（例如 fonts-noto-cjk），然后重启"
        return f"没有找到中文字体，图上只有代码和数字（{remedy}）"


def find(candidates: Iterator[Source] | None = None) -> Face:
    """The first that can write Chinese; Pillow's own where there is none."""
    for source in candidates if candidates is not None else sources():
        if not source.path.is_file():
            continue
        try:
            face = Face(source)
        except OSError as error:
            LOG.debug("%s: %s", source.path, error)
            continue
        if face.chinese:
            return face
    return Face(None)

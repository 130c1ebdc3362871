"""What we print is UTF-8, whatever code page the console or the pipe was opened with."""

from __future__ import annotations

import io
import sys


def use_utf8() -> None:
    """Make stdout and stderr write UTF-8 from now on; call it before the first line is printed.

    A Windows console of code page 936 or 1252 would otherwise end the program at the first character that it lacks.
    Streams that are missing (a program without a console) or replaced by something else are left as they are.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")

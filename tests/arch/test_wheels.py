"""Windows is where many users are: what pip would install there comes ready made."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHONS: Final = ("3.11", "3.12", "3.13")
SOURCE_ONLY: Final = {"betterproto", "jieba", "opengraph_py3", "stringcase"}
"""Pure Python that its authors never built; only the extras wechat and seed bring them, and pip builds them anywhere."""


def pinned() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_every_constraint_is_exact_and_stands_once() -> None:
    assert all(re.fullmatch(r"==[^=*]+", str(one.specifier)) for one in pinned())
    names = [one.name.lower().replace("_", "-") for one in pinned()]
    assert len(names) == len(set(names))


def test_constraints_name_no_index() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text, re.MULTILINE)


@pytest.mark.network
@pytest.mark.timeout(600)
@pytest.mark.parametrize("python", PYTHONS)
def test_pip_offers_a_windows_wheel_for_everything(python: str, tmp_path: Path) -> None:
    # Markers are taken off: pip would judge them by this machine, which is no Windows.
    wanted = [f"{one.name}{one.specifier}" for one in pinned() if one.name not in SOURCE_ONLY]
    (tmp_path / "wanted.txt").write_text("\n".join(wanted), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
    command += ["--only-binary=:all:", "--platform=win_amd64", "--implementation=cp", f"--python-version={python}"]
    command += ["--target", str(tmp_path / "nowhere"), "--report", str(tmp_path / "report.json")]
    command += ["-r", str(tmp_path / "wanted.txt")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    offered = [item["download_info"]["url"].rsplit("/", 1)[-1] for item in report["install"]]
    assert len(offered) == len(wanted)
    assert all(re.search(r"-(any|win_amd64)\.whl$", file) for file in offered)

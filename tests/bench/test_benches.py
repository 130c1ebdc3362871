"""The benches still run. How fast things are is for people to read: nothing here is timed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.bench import path

ROOT: Final = Path(__file__).resolve().parents[2]


async def test_path_tells_one_alert_and_a_hundred() -> None:
    result = await path.measure(rounds=2)
    assert result["rounds"] == 2
    assert result["floor_ms"] > 0
    for case in ("one", "hundred"):
        assert result[case]["requests"] >= 1
        assert result[case]["p99_ms"] >= result[case]["p50_ms"] > 0
        assert result[case]["ratio"] > 0
    assert "1 alert" in path.text(result)


def test_an_unknown_bench_is_told_which_exist() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.bench", "nothing"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"path" in done.stderr

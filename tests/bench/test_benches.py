"""The benches still run. How fast things are is for people to read: nothing here is timed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.bench import indicators, language, load, path, push, rules, storm
from tests.fakes import postgres
from tests.fakes.xtdatacenter import install

ROOT: Final = Path(__file__).resolve().parents[2]


async def test_path_tells_one_alert_and_a_hundred() -> None:
    result = await path.measure(rounds=2)
    assert result["rounds"] == 2
    assert result["floor_ms"] > 0
    for case in ("one", "one_with_a_model_that_hangs", "hundred"):
        assert result[case]["requests"] >= 1
        assert result[case]["p99_ms"] >= result[case]["p50_ms"] > 0
        assert result[case]["ratio"] > 0
    assert "1 alert" in path.text(result)


def test_indicators_are_those_of_talib() -> None:
    result = indicators.measure(rounds=2, symbols=20)
    assert (result["rounds"], result["symbols"]) == (2, 20)
    assert result["max_rel_error"] < result["goal_error"]
    for key in ("step_ms", "commit_ms", "peek_ms", "talib_full_ms", "ratio", "bytes_per_symbol", "seed_s"):
        assert result[key] > 0
    assert result["step_ms"] > result["commit_ms"]
    assert "TA-Lib" in indicators.text(result)


async def test_taps_of_many_people_lose_and_double_nothing_on_either_database(postgresql: str) -> None:
    result = await load.measure(tickets=40, people=4, window=0.2, server=postgres.emptied(postgresql))
    for kind in ("sqlite", "postgresql"):
        assert result[kind]["floor_ms"] > 0
        for case in ("minute", "burst"):
            found = result[kind][case]
            assert (found["lost"], found["doubled"], found["unfilled"]) == (0, 0, 0)
            assert found["p99_ms"] >= found["p50_ms"] > 0
            assert found["ratio"] > 0
    assert "0 lost, 0 doubled" in load.text(result)


async def test_a_storm_loses_nothing_and_is_told_in_few_messages() -> None:
    result = await storm.measure(alerts=300, people=30)
    for case, people in (("one", 1), ("many", 30)):
        found = result[case]
        assert (found["people"], found["stored"], found["lost"]) == (people, 300, 0)
        assert found["messages"] <= 2 * people
        assert found["longest_block_ms"] > 0
    assert "0 lost" in storm.text(result)


def test_rules_are_judged_and_counted() -> None:
    result = rules.measure(6_000, rounds=3, threads=20, thread_seconds=0.1)
    assert (result["rules"], result["rounds"], result["symbols"]) == (6_000, 3, 5_400)
    keys = "floor price loop plain_loop mixed mixed_loop mixed_plain_loop mixed_100k"
    for key in (*(f"{name}_ms" for name in keys.split()), "load_s", "bytes_per_rule", "insert_us", "remove_us"):
        assert result[key] > 0
    assert result["hits"] > 0
    assert result["mixed_hits"] > 0
    assert 0.5 < result["moved"] < 0.7
    assert result["thread_per_symbol"]["symbols"] == 20
    assert "mixed" in rules.text(result)


def test_a_push_becomes_a_frame_and_one_before_it_is_superseded() -> None:
    install()
    result = push.measure(rounds=2, symbols=30)
    assert (result["symbols"], result["rounds"], result["superseded"]) == (30, 2, 60)
    for key in ("floor_ms", "superseded_ms", "put_ms", "read_ms", "frame_ms", "decode_ms", "push_ms", "ratio"):
        assert result[key] > 0
    assert "floor" in push.text(result)


def test_sentences_are_read_and_compared_with_a_scan_for_names() -> None:
    result = language.measure(rounds=1, sentences=40)
    assert (result["sentences"], result["rounds"]) == (40, 1)
    assert 0 < result["median_ms"] <= result["p95_ms"] <= result["p99_ms"] <= result["longest_ms"]
    for key in ("floor_ms", "load_ms", "names"):
        assert result[key] > 0
    assert result["ratio"] > 1
    assert "goal" in language.text(result)


def test_an_unknown_bench_is_told_which_exist() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.bench", "nothing"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"path" in done.stderr

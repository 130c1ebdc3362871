"""``dingpan parse``, run as a user runs it: what a sentence is read as, and nothing done."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.test_cli import dingpan
from tests.fakes.openai import ASIDE, FakeOpenAI

ODD = "茅台要是掉到一千四以下就吱我一声" + ASIDE
WATCH = {
    "intent": "watch_create",
    "names": ["茅台"],
    "conditions": [{"kind": "price_below", "value": 1400, "unit": "yuan"}],
}
READ = {"intent": "watch_create", "symbols": ["600519.SH"], "conditions": WATCH["conditions"]}


def test_a_sentence_is_said_back(tmp_path: Path) -> None:
    done = dingpan("parse", "茅台跌破1400提醒我，跌破就买", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "盯 贵州茅台(600519)：跌到 1400.00 及以下" in done.stdout
    assert "还要问：数量" in done.stdout
    assert not list(tmp_path.iterdir()), "a sentence that is only read leaves nothing behind"


def test_json_is_alone_on_stdout(tmp_path: Path) -> None:
    done = dingpan("parse", "--json", "--now", "2026-11-18T10:15", "茅台跌破1400提醒我，到周五有效", folder=tmp_path)
    found = json.loads(done.stdout)
    assert found["result"] == READ | {"expiry": "2026-11-20"}
    assert found["via"] == "grammar"
    assert found["ms"] >= 0


def test_many_sentences_are_read_a_line_each(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "text": "茅台跌破1400提醒我"},
        {
            "id": "b",
            "text": "1400",
            "context": {"asked": "value", "draft": READ | {"conditions": [{"kind": "price_below"}]}},
        },
        {"id": "c", "text": ODD, "expect": "ignored"},
    ]
    said = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    done = dingpan("parse", "--jsonl", folder=tmp_path, said=said)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["id"] for one in found] == ["a", "b", "c"]
    assert found[0]["result"] == READ
    assert found[1]["result"]["conditions"][0]["value"] == 1400
    assert found[2]["result"] == {"intent": "unknown"}
    assert {one["via"] for one in found} == {"grammar"}


@pytest.mark.parametrize(
    ("words", "said", "code", "why"),
    [
        ((), "", 2, "二选一"),
        (("--jsonl", "茅台多少钱"), "", 2, "二选一"),
        (("--now", "昨天", "茅台多少钱"), "", 2, "--now"),
        (("--jsonl",), "茅台多少钱", 1, "第 1 行"),
        (("--jsonl",), '{"id": 1, "text": "茅台多少钱"}\n{"id": 2}', 1, "第 2 行"),
        (("--model", "茅台多少钱"), "", 2, "DEEPSEEK_API_KEY"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(
    tmp_path: Path, words: tuple[str, ...], said: str, code: int, why: str
) -> None:
    done = dingpan("parse", *words, folder=tmp_path, said=said)
    assert done.returncode == code
    assert why in done.stderr
    assert "Traceback" not in done.stderr


async def test_the_model_reads_what_the_grammar_does_not_and_its_cost_is_kept(tmp_path: Path) -> None:
    async with FakeOpenAI(strict=False) as server:
        server.answers(WATCH)
        env = {"DEEPSEEK_API_KEY": "none", "LLM_BASE_URL": server.url, "LLM_MODEL": "qwen", "DATA_DIR": str(tmp_path)}
        lines = [{"id": "a", "text": "茅台多少钱"}, {"id": "b", "text": ODD}]
        said = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
        words = ("parse", "--jsonl", "--model", "--now", "2026-11-18T10:15")
        done = await asyncio.to_thread(dingpan, *words, folder=tmp_path, said=said, env=env)
        assert done.returncode == 0, done.stderr
        one, two = (json.loads(line) for line in done.stdout.splitlines())
        assert one["via"] == "grammar"
        assert two["via"] == "model"
        assert two["result"] == READ
        assert len(server.asked) == 1
        assert "今天是 2026-11-18 星期三" in server.asked[0].said
        assert (tmp_path / "dingpan.db").exists()

        server.fail(402)
        done = await asyncio.to_thread(dingpan, "parse", "--model", ODD, folder=tmp_path, env=env)
        assert done.returncode == 0
        assert "没有听懂" in done.stdout
        assert "余额" in done.stderr

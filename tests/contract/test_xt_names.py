"""The fake native half has the names of the real one: those that the SDK calls, and that its Windows binaries hold."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.fakes import xtdatacenter, xtnative, xtobjects

OURS: Final = (*xtobjects.OBJECTS, *xtobjects.REQUESTS)


def wheel() -> Path:
    spec = find_spec("xtquant")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


BINARIES: Final = sorted(wheel().glob("xtpythonclient.cp31[1-3]-win_amd64.pyd"))

DATA_BINARIES: Final = sorted(wheel().glob("datacenter.cp31[1-3]-win_amd64.pyd"))


@lru_cache
def strings(binary: Path) -> frozenset[str]:
    """All texts in a file that could be names."""
    return frozenset(text.decode() for text in re.findall(rb"[A-Za-z_][A-Za-z0-9_]{2,}", binary.read_bytes()))


@lru_cache
def called() -> frozenset[str]:
    """What ``xttrader.py`` calls of the native client, and what it makes of the native module."""
    tree = ast.parse((wheel() / "xttrader.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner in {"_XTQC_", "self.async_client"}:
                found.add(node.attr)
    return frozenset(found)


def test_the_wheel_brings_a_binary_for_each_python_that_we_run_on() -> None:
    assert [binary.name[15:20] for binary in BINARIES] == ["cp311", "cp312", "cp313"]


@pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.name[15:20])
def test_every_name_of_ours_is_in_the_binary(binary: Path) -> None:
    names = {one.__name__ for one in OURS} | {field for one in OURS for field in one.FIELDS}
    names |= {name for name in vars(xtnative.XtQuantAsyncClient) if name.endswith("WithSeq")}
    names |= {"XtQuantAsyncClient", "init", "start", "stop", "connect", "nextSeq", "setTimeout"}
    assert len(names) > 90
    assert names - strings(binary) == set()


@pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.name[15:20])
def test_every_name_that_the_python_half_calls_is_in_the_binary(binary: Path) -> None:
    assert len(called()) > 120
    assert called() - strings(binary) == set()


def test_our_client_has_what_the_python_half_calls_for_our_adapter() -> None:
    ours = {name for name in vars(xtnative.XtQuantAsyncClient) if not name.startswith("_")}
    asked = {name for name in ours if name.endswith("WithSeq")} | {request.__name__ for request in xtobjects.REQUESTS}
    assert asked <= called()
    assert {"init", "start", "stop", "connect", "nextSeq", "setTimeout"} <= ours & called()


def test_the_fields_of_rows_are_those_of_the_sdks_own_classes() -> None:
    tree = ast.parse((wheel() / "xttype.py").read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for one in (xtobjects.XtAsset, xtobjects.XtOrder, xtobjects.XtTrade, xtobjects.XtPosition, xtobjects.XtOrderError):
        text = ast.unparse(classes[one.__name__])
        set_there = set(re.findall(r"self\.(\w+) =", text))
        # The number of the request stands on the native error alone; the SDK itself reads it there.
        assert set(one.FIELDS) - set_there <= {"seq"}, one.__name__


@pytest.mark.parametrize("binary", DATA_BINARIES, ids=lambda path: path.name[11:16])
def test_every_name_of_our_market_data_is_in_the_binary(binary: Path) -> None:
    names = {name for name in vars(xtdatacenter.Client) if not name.startswith("_")} - {"told"}
    names |= {"IPythonApiClient", "rpc_init", "get_local_server_port", "register_create_nparray"}
    assert len(names) > 20
    assert names - strings(binary) == set()


def test_our_market_data_has_what_the_python_half_calls_of_it() -> None:
    calls = {
        node.attr
        for file in ("xtdata.py", "xtconn.py", "xtdatacenter.py")
        for node in ast.walk(ast.parse((wheel() / file).read_text(encoding="utf-8-sig")))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"client", "cl", "__client", "get_client()"}
    }
    ours = {name for name in vars(xtdatacenter.Client) if not name.startswith("_")} - {"told"}
    assert ours <= calls

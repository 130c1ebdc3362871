"""What holds for every test: no network beyond this machine, and nothing is skipped silently."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Generator, Iterator
from typing import Any, Final

import pytest
from hypothesis import settings

from tests.fakes import postgres

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

NETWORK_OFF: Final = "asks the package index; run with --network"


class BlockedError(RuntimeError):
    """A test tried to leave this machine. No OSError: code under test must not take it for an outage."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--network", action="store_true", help="also run the tests that ask the package index")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--network"):
        return
    for item in items:
        if item.get_closest_marker("network") is not None:
            item.add_marker(pytest.mark.skip(reason=NETWORK_OFF))


def local(host: object) -> bool:
    """Whether a host is this machine; a name other than localhost is not looked up to find out.

    >>> local("127.0.0.1"), local("::1"), local("localhost"), local(None), local("192.0.2.1"), local("localhost.example")
    (True, True, True, True, False, False)
    """
    if host is None or host in {"", "localhost", b"localhost"}:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


class GuardedSocket(socket.socket):
    """A socket that reaches nothing but this machine. The event loop, httpx and drivers in Python all make these."""

    def connect(self, address: Any, /) -> None:
        self._refuse_outside(address)
        super().connect(address)

    def connect_ex(self, address: Any, /) -> int:
        self._refuse_outside(address)
        return super().connect_ex(address)

    def sendto(self, data: Any, *args: Any) -> int:  # of two overloads; the address is last in both
        self._refuse_outside(args[-1])
        return super().sendto(data, *args)

    def _refuse_outside(self, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not local(address[0]):
            raise BlockedError(f"a test may reach this machine alone, not {address[0]}:{address[1]}")


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block everything but loopback, names included, unless the test is marked ``network``."""
    if request.node.get_closest_marker("network") is not None:
        return
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, *args: Any, **options: Any) -> Any:
        if not local(host):
            raise BlockedError(f"a test may not look up {host!r}")
        return resolve(host, *args, **options)

    # A proxy of whoever runs the tests must not stand between the program and loopback either.
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(socket, "socket", GuardedSocket)
    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of the default database of a PostgreSQL of our own."""
    if (why := postgres.missing()) is not None:
        pytest.skip(why)
    with postgres.running() as url:
        yield url


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """End the run with what was not tested, and why."""
    yield
    skipped = [report for report in terminalreporter.getreports("skipped") if isinstance(report.longrepr, tuple)]
    xfailed = terminalreporter.getreports("xfailed")
    terminalreporter.section("not tested")
    if not skipped and not xfailed:
        terminalreporter.write_line("nothing was skipped")
    for reason, names in sorted(_by_reason(skipped).items()):
        terminalreporter.write_line(f"{len(names)} skipped: {reason}")
        for name in names:
            terminalreporter.write_line(f"    {name}")
    for report in xfailed:
        terminalreporter.write_line(f"expected to fail: {report.nodeid}: {getattr(report, 'wasxfail', '')}")


def _by_reason(reports: list[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for report in reports:
        _, _, reason = report.longrepr
        found.setdefault(str(reason).removeprefix("Skipped: "), []).append(report.nodeid)
    return found

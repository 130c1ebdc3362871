"""The tests' own fence: this machine and nothing else."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest

from tests.conftest import BlockedError

OUTSIDE = "192.0.2.1"  # set aside for documentation: nobody is there


def test_a_test_cannot_connect_to_another_machine() -> None:
    with socket.socket() as one, pytest.raises(BlockedError):
        one.connect((OUTSIDE, 80))
    with socket.socket() as one, pytest.raises(BlockedError):
        one.connect_ex((OUTSIDE, 80))
    with socket.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(BlockedError):
        one.sendto(b"x", (OUTSIDE, 53))


def test_a_test_cannot_look_up_a_name() -> None:
    with pytest.raises(BlockedError):
        socket.getaddrinfo("example.com", 443)


async def test_the_event_loop_cannot_leave_either() -> None:
    for host in (OUTSIDE, "example.com"):
        with pytest.raises(BlockedError):
            await asyncio.open_connection(host, 80)


async def test_httpx_cannot_leave_either() -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(BlockedError):
            await client.get("http://example.com/")


async def test_loopback_is_open() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, httpx.AsyncClient() as client:
        port = server.sockets[0].getsockname()[1]
        found = await client.get(f"http://localhost:{port}/")
    assert found.text == "ok"

"""Attacks on the server: it must keep serving others, within bounded memory."""

import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from checks import BASE, KEY, check, done

PID = os.environ["SERVER_PID"]
ADDRESS = urlsplit(BASE)
PATH = "/v1beta/models/gemini-2.5-flash:countTokens"
HEAD = f"POST {PATH} HTTP/1.1\r\nhost: {ADDRESS.netloc}\r\nx-goog-api-key: {KEY}\r\n"
MIB = 1 << 20
# Requests in progress may take 256 MiB together; growing buffers take twice as much.
MOST = 768 * MIB


def memory(of):
    with open(f"/proc/{PID}/status") as status:
        return int(next(line for line in status if line.startswith(of)).split()[1]) * 1024


def connect():
    return socket.create_connection((ADDRESS.hostname, ADDRESS.port), timeout=60)


def read_response(connection):
    """Returns the code of a response, and its JSON if it is an object."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except OSError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    code = int(head.split()[1]) if head else None
    return code, json.loads(body) if body.startswith(b"{") else None


def serving_time():
    start = time.monotonic()
    with urllib.request.urlopen(f"{BASE}/healthz", timeout=30) as sign:
        check(sign.read() == b"ok\n")
    return time.monotonic() - start


def post(body):
    """Sends a request with this body."""
    with connect() as connection:
        head = f"{HEAD}connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        try:
            connection.sendall(head.encode() + body)
        except OSError:
            pass
        return read_response(connection)


def huge():
    """Sends a gigabyte, with and without a content length."""
    with connect() as connection:
        connection.sendall(f"{HEAD}expect: 100-continue\r\ncontent-length: {1 << 30}\r\n\r\n".encode())
        code, body = read_response(connection)
        check(code == 413 and body["error"]["code"] == 413, code, body)
    with connect() as connection:
        connection.sendall(f"{HEAD}transfer-encoding: chunked\r\n\r\n".encode())
        chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
        sent = 0
        try:
            while sent < 1024:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
        check(sent < 100, "read far beyond the limit", sent)


def nested():
    """Sends JSON that is deep, and JSON that is much larger in memory than on the wire."""
    code, body = post(b'{"contents":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    check(code == 400 and body["error"]["status"] == "INVALID_ARGUMENT", code, body)
    for item in (b"{},", b'{"parts":[{}]},', b"[],"):
        count = 19 * MIB // len(item)
        code, body = post(b'{"contents":[' + item * count + b"{}]}")
        check(code == 413 and body["error"]["code"] == 413, code, body)

    # As much as is still accepted: the memory counted for it must suffice.
    for item in (b"{},", b'{"parts":[{}]},', b'{"role":"user"},'):
        count = 1_000_000 // sum(item.count(mark) for mark in (b"{", b"[", b","))
        check(post(b'{"contents":[' + item * count + b"{}]}")[0] == 200, item)


def heads():
    with connect() as connection:
        many = "".join(f"x-{count}: 1\r\n" for count in range(10_000))
        connection.sendall(f"{HEAD}{many}content-length: 0\r\n\r\n".encode())
        code, body = read_response(connection)
        check(code == 431 and body["error"]["code"] == 431, code, body)


def held():
    """Opens connections that are idle, incomplete or half closed, and sends large bodies at once."""
    idle = [connect() for _ in range(1_000)]
    for number, connection in enumerate(idle):
        if number % 4 == 1:
            connection.sendall(HEAD[:40].encode())
        elif number % 4 == 2:
            connection.sendall(f"{HEAD}content-length: 1000\r\n\r\n{{".encode())
        elif number % 4 == 3:
            connection.shutdown(socket.SHUT_WR)
    check(serving_time() < 5)
    print(f"memory with 1,000 connections: {memory('VmRSS') // MIB} MiB")

    large = [connect() for _ in range(40)]
    pump = [threading.Thread(target=fill, args=(connection,)) for connection in large]
    for thread in pump:
        thread.start()
    slowest = 0
    while any(thread.is_alive() for thread in pump):
        slowest = max(slowest, serving_time())
        time.sleep(0.05)
    check(slowest < 5, slowest)
    check(post(b'{"contents":[{"parts":[{"text":"one two"}]}]}')[0] in (200, 429))
    for connection in (*idle, *large):
        connection.close()


def fill(connection):
    """Sends 19 MiB of a body of 20 MiB, and waits."""
    try:
        connection.sendall(f"{HEAD}content-length: {20 * MIB}\r\n\r\n".encode())
        connection.sendall(b" " * (19 * MIB))
    except OSError:
        pass


before = memory("VmRSS")
for attack in (heads, held, huge, nested):
    attack()
    check(serving_time() < 5)
    print(f"peak memory after {attack.__name__}: {memory('VmHWM') // MIB} MiB")
check(memory("VmHWM") < before + MOST, before, memory("VmHWM"))
check(post(b'{"contents":[{"parts":[{"text":"one two"}]}]}')[0] == 200)
done("attacks")

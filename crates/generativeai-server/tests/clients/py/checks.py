"""Shared by the Python tests: addresses of the servers, assertions and their count."""

import glob
import os
import sys
import time
import urllib.request

BASE = os.environ["SERVER"]  # a server with an API key
FAULTY = os.environ["SERVER_FAULTY"]  # the same with an injected error in each stream
KEY = os.environ["SERVER_KEY"]
MODEL = os.environ["SERVER_MODEL"]  # its name without `models/`
# Only the replies of the stand-in are known, and only it reports how many are in progress.
STAND_IN = MODEL == "stand-in"

SCHEMA = {
    "type": "OBJECT",
    "properties": {
        "name": {"type": "STRING", "enum": ["Ben Nevis", "Snowdon"]},
        "metres": {"type": "INTEGER", "minimum": 0, "maximum": 9000},
    },
    "required": ["name", "metres"],
}

_checked = 0


def check(condition, *values):
    """Counts an assertion, or exits with the given values."""
    global _checked
    if not condition:
        sys.exit(f"failed: {values}")
    _checked += 1


def expect_error(call, code):
    """Checks that a call fails with an error of this code, and returns the error."""
    try:
        call()
    except Exception as error:  # the class differs from client to client
        found = getattr(error, "code", None)
        found = getattr(found, "value", found)
        found = found[0] if isinstance(found, tuple) else found
        check(found == code, code, found, repr(error))
        return error
    sys.exit(f"expected error {code}, nothing failed")


def expect_failure(call, text):
    """Checks that a call fails with an error that contains a text."""
    try:
        call()
    except Exception as error:  # the class differs from client to client
        check(text in repr(error) + str(error), text, repr(error))
        return
    sys.exit(f"expected an error with {text}, nothing failed")


TEXT = "Ben Nevis is 1345 m high.\n" * 400_000  # more than one piece of an upload


def check_file(file, size, name="a \"größe\"\n.txt"):
    """Checks the description of an uploaded file."""
    check(file.name.startswith("files/") and file.display_name == name, file)
    check(file.mime_type == "text/plain" and int(file.size_bytes) == size, file)
    check(file.uri.startswith(BASE) and file.uri.endswith(file.name), file)


def replies_in_progress():
    request = urllib.request.Request(
        f"{BASE}/v1beta/models/{MODEL}", headers={"x-goog-api-key": KEY}
    )
    with urllib.request.urlopen(request) as answer:
        return int(answer.read().decode().split('"description":"')[1].split(" ")[0])


def cpu_time(pid):
    """Returns the CPU time of a process and its children, in seconds."""
    with open(f"/proc/{pid}/stat") as stat:
        ticks = stat.read().rpartition(")")[2].split()[11:13]
    seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    for children in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(children) as ids:
            seconds += sum(cpu_time(child) for child in ids.read().split())
    return seconds


def is_idle():
    """Returns whether no reply is in progress: decoding keeps at least one core busy."""
    before = cpu_time(os.environ["SERVER_PID"])
    time.sleep(0.5)
    return cpu_time(os.environ["SERVER_PID"]) - before < 0.1


def expect_idle():
    """Checks that the work of a reply stops after its client has disconnected."""
    end = time.monotonic() + 10
    while replies_in_progress() if STAND_IN else not is_idle():
        check(time.monotonic() < end, "a reply is still in progress")
        time.sleep(0.02)
    check(True)


def valid(value):
    """Checks a value against the schema."""
    check(sorted(value) == ["metres", "name"], value)
    check(value["name"] in SCHEMA["properties"]["name"]["enum"], value)
    check(isinstance(value["metres"], int) and 0 <= value["metres"] <= 9000, value)


def done(name):
    global _checked
    print(f"{name}: {_checked} checks")
    _checked = 0

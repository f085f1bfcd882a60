"""What the Python checks share: where the servers are, and counting what was checked."""

import glob
import os
import sys
import time
import urllib.request

BASE = os.environ["SERVER"]  # the model, behind a key
FAULTY = os.environ["SERVER_FAULTY"]  # the same, with an error in every stream
KEY = os.environ["SERVER_KEY"]
MODEL = os.environ["SERVER_MODEL"]  # its real name, without `models/`
# Only the stand-in says what it will say, and how many replies are on their way.
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


def check(true, *what):
    """Counts a check, or ends with what is wrong."""
    global _checked
    if not true:
        sys.exit(f"wrong: {what}")
    _checked += 1


def refused(call, code):
    """Checks that a call fails with an error that has that code; gives the error."""
    try:
        call()
    except Exception as error:  # the class differs from client to client
        found = getattr(error, "code", None)
        found = getattr(found, "value", found)
        found = found[0] if isinstance(found, tuple) else found
        check(found == code, code, found, repr(error))
        return error
    sys.exit(f"wrong: nothing failed, {code} was to be")


def replies_on_their_way():
    request = urllib.request.Request(
        f"{BASE}/v1beta/models/{MODEL}", headers={"x-goog-api-key": KEY}
    )
    with urllib.request.urlopen(request) as answer:
        return int(answer.read().decode().split('"description":"')[1].split(" ")[0])


def worked(pid):
    """The processor time of a process and its children, in seconds."""
    with open(f"/proc/{pid}/stat") as stat:
        ticks = stat.read().rpartition(")")[2].split()[11:13]
    seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    for children in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(children) as ids:
            seconds += sum(worked(child) for child in ids.read().split())
    return seconds


def at_rest():
    """Whether nothing is decoded: that takes a core, or all of them."""
    before = worked(os.environ["SERVER_PID"])
    time.sleep(0.5)
    return worked(os.environ["SERVER_PID"]) - before < 0.1


def stopped():
    """Checks that no reply goes on, now that its client has left."""
    end = time.monotonic() + 10
    while replies_on_their_way() if STAND_IN else not at_rest():
        check(time.monotonic() < end, "a reply goes on that nobody reads")
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

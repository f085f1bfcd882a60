"""Measures the time to the first token in a growing chat with `genai serve`: turns.py GENAI

Each reply is one token, so that the CPU time of the engine is the time to the first token. Unlike the wall-clock
time, it is meaningful on a busy machine, if the engine has one thread (`taskset -c 0`).
"""

import glob
import http.client
import json
import subprocess
import sys

TURN = "And what happened then, when the ship had left the harbour and the storm came?"
PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
CONFIG = {"temperature": 0, "maxOutputTokens": 1}


def spent(process):
    """Returns the CPU time of a process in milliseconds."""
    threads = glob.glob(f"/proc/{process}/task/*/schedstat")
    return sum(int(open(thread).read().split()[0]) for thread in threads) / 1e6


server = subprocess.Popen([sys.argv[1], "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
address = server.stdout.readline().split("http://")[1].strip()
engine = open(f"/proc/{server.pid}/task/{server.pid}/children").read().split()[0]
connection = http.client.HTTPConnection(address)
try:
    history = []
    for turn in range(1, 33):
        history.append({"role": "user", "parts": [{"text": TURN}]})
        before = spent(engine)
        connection.request("POST", PATH, json.dumps({"contents": history, "generationConfig": CONFIG}))
        reply = json.loads(connection.getresponse().read())
        took = spent(engine) - before
        usage = reply["usageMetadata"]
        prompt, reused = usage["promptTokenCount"], usage.get("cachedContentTokenCount", 0)
        if turn in (2, 8, 32):
            print(f"turn {turn:2}: {took:6.1f} ms, {prompt - reused} new of {prompt} tokens", flush=True)
        history.append(reply["candidates"][0]["content"])
finally:
    server.terminate()
    server.wait()

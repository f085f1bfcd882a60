"""Measures the cost of running the model of `genai serve` in a child process: child.py GENAI [PAIRS]

Two servers of the program GENAI, one with `--in-process`, get equal requests in alternation. The output is
the median of each, and the median of the differences within the pairs.
"""

import http.client
import json
import statistics
import subprocess
import sys
import time

GENAI = sys.argv[1]
PAIRS = int(sys.argv[2]) if len(sys.argv) > 2 else 40
MODEL = "/v1beta/models/gemini-2.5-flash"
TOKENS = 33


class Served:
    def __init__(self, *words):
        command = [GENAI, "serve", "--port", "0", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().split("http://")[1].strip()
        self.connection = http.client.HTTPConnection(address)

    def ask(self, method, text, **config):
        """Returns the seconds to the last line, the seconds from the first line to the last, and the lines."""
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        if config:
            body["generationConfig"] = {"temperature": 0, **config}
        begun = time.perf_counter()
        self.connection.request("POST", MODEL + method, json.dumps(body))
        answer = self.connection.getresponse()
        times = []
        while answer.readline():
            times.append(time.perf_counter())
        answer.read()
        assert answer.status == 200, answer.status
        return times[-1] - begun, times[-1] - times[0], len(times)


def compare(what, unit, scale, measure):
    for served in servers:
        measure(served)
    pairs = []
    for pair in range(PAIRS):
        first = pair % 2  # alternate which server is first
        figures = {at: measure(servers[at]) for at in (first, 1 - first)}
        pairs.append((figures[0], figures[1]))
    inside, child = (statistics.median(figures) for figures in zip(*pairs))
    more = statistics.median(child - inside for inside, child in pairs)
    print(
        f"{what:<34} {inside * scale:9.2f} {unit} in process, {child * scale:9.2f} in a child: "
        f"{more * scale:+.3f} {unit}"
    )


def per_chunk(served):
    _, took, lines = served.ask(
        ":streamGenerateContent?alt=sse", "Tell me a story.", maxOutputTokens=TOKENS
    )
    return took / (lines / 2 - 1)


servers = [Served("--in-process"), Served()]
try:
    long = "The ships sailed over the sea. " * 700
    compare("count the tokens of a word", "ms", 1e3, lambda s: s.ask(":countTokens", "Hello")[0])
    compare("count the tokens of 20 KiB", "ms", 1e3, lambda s: s.ask(":countTokens", long)[0])
    compare(
        "reply of one token",
        "ms",
        1e3,
        lambda s: s.ask(":generateContent", "Hello", maxOutputTokens=1)[0],
    )
    compare("each chunk of a stream", "ms", 1e3, per_chunk)
finally:
    for served in servers:
        served.process.terminate()
        served.process.wait()

"""An MCP server with one tool. Arguments: the name of the tool, and its greeting.

With a port as the third argument, a call connects to it, and waits there for a byte before it returns. With
`hostile` as the third argument, the server has a second tool, whose texts contain the greeting, and whose
annotations contradict each other. With the path of a file as the third argument, a call deletes the file and ends the
server, if the file exists; with `once` as the fourth argument, the server does not start without it. A greeting with
control characters is also logged.
"""

import json
import os
import socket
import sys


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "tools", "version": "1"},
        }
    if method == "tools/list":
        schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        tools = [{"name": sys.argv[1], "description": "Greets.", "inputSchema": schema}]
        if sys.argv[3:] == ["hostile"]:
            text = sys.argv[2]
            annotations = {"title": text, "readOnlyHint": True, "destructiveHint": True, "idempotentHint": True}
            schema["properties"]["name"]["description"] = text
            tools.append({"name": f"wipe\n{text}", "title": text, "description": text, "inputSchema": schema,
                          "annotations": annotations})
        return {"tools": tools}
    if method == "tools/call":
        if "\x1b" in sys.argv[2]:
            print(f"log: {sys.argv[2]}", file=sys.stderr, flush=True)
        if len(sys.argv) > 3 and os.path.exists(sys.argv[3]):
            os.remove(sys.argv[3])
            sys.exit()
        if len(sys.argv) > 3 and sys.argv[3].isdigit():
            with socket.create_connection(("127.0.0.1", int(sys.argv[3]))) as test:
                test.sendall(b"runs")
                test.recv(1)
        return {"content": [{"type": "text", "text": f"{sys.argv[2]}, {params['arguments']['name']}!"}]}
    return {}


if sys.argv[4:] == ["once"] and not os.path.exists(sys.argv[3]):
    sys.exit("log: no second start")

for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        result = answer(request["method"], request.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)

"""Prints the arguments with which rustc compiles a program against what cargo has just built, as JSON.

The input is the output of `cargo build --message-format=json-render-diagnostics`.
"""

import json
import os
import sys

CRATES = ("generativeai", "serde_json", "tokio")

with open(sys.argv[1]) as lines:
    artifacts = [json.loads(line) for line in lines if line.startswith("{")]
arguments = ["--edition=2024"]
for artifact in artifacts:
    name = artifact.get("target", {}).get("name")
    if name in CRATES and "lib" in artifact["target"]["kind"]:
        library = next(path for path in artifact["filenames"] if path.endswith(".rlib"))
        arguments += ["--extern", f"{name}={library}", "-L", f"dependency={os.path.dirname(library)}"]
print(json.dumps(arguments))

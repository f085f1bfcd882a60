"""Prints the name of a server's first model."""

import json
import os
from urllib.request import urlopen

with urlopen(f"{os.environ['SERVER']}/v1beta/models?key={os.environ['SERVER_KEY']}") as answer:
    print(json.load(answer)["models"][0]["name"].removeprefix("models/"))

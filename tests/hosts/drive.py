"""Lets a test ask the host of the docs: a JSON array a line, a JSON answer a line.

Usage: drive.py COMPONENT OPTIONS. `["ready"]`, `["get", service]`, `["refresh", service]`, `["health"]`, `["events"]`, `["close"]`;
`["open", options, started-at]` opens another engine, and answers the names of its variables; `["ca", options, variables]`
another one, and answers the certificate authorities of its only service.
"""

import json
import sys
import time

from component import Sandbox, SecretsEngine, SecretsError
from host import Secrets

secrets = Secrets(sys.argv[1], json.loads(sys.argv[2]))
kept = {}


class Empty(dict):
    """An environment without variables, which notes what is looked up."""

    def __init__(self):
        self.asked = []

    def __contains__(self, name):
        self.asked.append(name)
        return False


def answer(what, *arguments):
    if what == "get":
        config = secrets.get(*arguments)
        is_same = kept.get(arguments[0]) is config
        kept[arguments[0]] = config
        return {"host": config["host"], "isSame": is_same}
    if what == "events":
        events, secrets.events = secrets.events, []
        return [event["type"] for event in events]
    if what == "open":
        options, started_at = arguments
        environment = Empty()
        SecretsEngine(Sandbox(sys.argv[1]), options, environment, started_at, 7)
        return environment.asked
    if what == "ca":
        options, variables = arguments
        engine = SecretsEngine(Sandbox(sys.argv[1]), options, variables, time.time() * 1000, 7)
        config = json.loads(engine.attempt("read", options["services"][0], 0.0))["config"]
        return (config.get("ssl") or config.get("tls"))["ca"]
    return getattr(secrets, what)(*arguments)


for line in sys.stdin:
    try:
        print(json.dumps({"ok": answer(*json.loads(line))}), flush=True)
    except SecretsError as error:
        print(json.dumps({"error": {"code": error.code, "message": str(error)}}), flush=True)

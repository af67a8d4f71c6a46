"""Runs the vectors of the repository on the component, from Python, and checks each document by its JSON Schema.
The format: tests/vectors/README.md.

Usage: vectors.py COMPONENT VECTORS [RESULTS]. Writes the outcome of each into RESULTS, for the table of `cargo xtask test`.
"""

import itertools
import json
import pathlib
import sys

from jsonschema import Draft202012Validator

from component import Sandbox, SecretsEngine, SecretsError

STARTED_AT = 1_790_000_000_000
SANDBOX = Sandbox(sys.argv[1])
VECTORS = pathlib.Path(sys.argv[2])
STANDARD = json.loads((VECTORS / "standard.json").read_text())


SCHEMAS = {
    file.stem: Draft202012Validator(json.loads(file.read_text()))
    for file in (VECTORS / "../../npm/secrets/schemas/engine").iterdir()
}
ANSWERS = {"health": "health", "poll-event": "event", "poll-fetch": "fetch", "read": "read", "setup": "setup", "state": "state"}


def fits(name, document):
    """Fails with the place alone: the document may hold values."""
    error = next(SCHEMAS[name].iter_errors(json.loads(document)), None)
    assert error is None, f"a document {name} does not fit its schema at {error.json_path}: {error.validator}"


class Checked(SecretsEngine):
    """Checks what crosses, in both directions."""

    def _call(self, name, *arguments):
        method = name.partition(".")[2] or name
        if method == "handle-fetched":
            fits("fetched", arguments[2])
        if method == "open":
            fits("variables", arguments[1])
            fits("files", arguments[2])
        answer = super()._call(name, *arguments)
        document = getattr(answer, "payload", answer)
        if isinstance(document, str) and document.startswith('{"code":'):
            fits("error", document)
        elif method in ("file-paths", "variable-names"):
            fits(method, document)
        elif method in ANSWERS and document is not None:
            fits(ANSWERS[method], document)
        return answer


def opened(options, variables):
    options = dict(options)
    started_at, seed = options.pop("startedAt", STARTED_AT), options.pop("seed", 0)
    engine = Checked(SANDBOX, options, variables, started_at, seed)
    for service in json.loads(engine.call("setup"))["services"]:
        engine.call("state", service)
    return engine


def findings(violations):
    return [[violation["path"], violation["rule"]] for violation in violations]


def text_of(payload):
    return payload if isinstance(payload, str) or payload is None else json.dumps(payload)


def become(vector):
    """What one payload, or one environment, becomes."""
    service = vector.get("service", "redis")
    payload = vector.get("payload")
    options = {
        "environment": "development",
        "services": [] if "/" in service else [service],
        "source": "environment" if payload is None else "aws",
        **vector.get("options", {}),
    }
    try:
        engine = opened(options, vector.get("variables", {}))
        fetch = engine.call("poll-fetch", 0.0) if payload is not None else None
        if fetch:
            outcome = {"service": service, "payload": {"text": text_of(payload), "versionId": "v1", "createdAt": 0}}
            document = {"id": json.loads(fetch)["id"], "outcomes": [outcome]}
            engine.attempt("handle-fetched", 0.0, json.dumps(document))
        engine.call("state", service)
        read = json.loads(engine.attempt("read", service, 0.0))
    except SecretsError as error:
        return {"code": error.code, "violations": findings(error.violations)}
    answer = {"config": read["config"], "redacted": read["redacted"]}
    warnings = findings(json.loads(engine.call("health", 0.0))["services"][0]["warnings"])
    return {**answer, "warnings": warnings} if warnings else answer


def play(vector):
    """One timed script."""
    options = {"environment": "test", "source": "aws", "startedAt": STARTED_AT, "seed": 7, **vector.get("options", {})}
    engine = opened(options, vector.get("variables", {}))
    under_way = []
    for index, step in enumerate(vector["steps"]):
        where, now = f"step {index} at {step['at']}", float(step["at"])
        if "clock" in step:
            engine.call("handle-clock", now, float(options["startedAt"] + step["at"] + step["clock"]))
        turn(engine, step, now, under_way, where)


def turn(engine, step, now, under_way, where):
    if "refresh" in step:
        outcome = attempt(lambda: engine.attempt("refresh", step["refresh"], now))
        same(outcome if isinstance(outcome, str) else json.dumps(outcome["code"]), step["outcome"], f"{where}: refresh")
    if "fetch" in step:
        fetch = json.loads(engine.call("poll-fetch", now) or "null")
        requests = fetch["requests"] if fetch else []
        same([key(it) for it in requests], step["fetch"], f"{where}: fetch")
        if "forced" in step:
            same([key(it) for it in requests if it.get("forced")], step["forced"], f"{where}: forced")
        if fetch:
            under_way.append(fetch)
    if "answer" in step:
        outcomes = [outcome_of(*item) for item in step["answer"].items()]
        document = {"id": under_way.pop(0)["id"], "outcomes": outcomes, "calls": step.get("calls", [])}
        engine.attempt("handle-fetched", now, json.dumps(document))
    if "timeout" in step:
        timeout = engine.call("poll-timeout")
        fits = timeout is None if step["timeout"] is None else step["timeout"][0] <= timeout <= step["timeout"][1]
        assert fits, f"{where}: timeout {timeout}"
    for service, expected in step.get("read", {}).items():
        subset(attempt(lambda: json.loads(engine.attempt("read", service, now))), expected, f"{where}: read {service}")
    if "events" in step:
        events = [json.loads(event) for event in iter(lambda: engine.call("poll-event"), None)]
        pairs = itertools.zip_longest(events, step["events"])
        short = [it if isinstance(like, dict) else f"{it['type']} {it['service']}" for it, like in pairs if it]
        subset(short, step["events"], f"{where}: events")
    if "loaded" in step:
        loaded = attempt(lambda: engine.attempt("loaded", now))
        same(loaded["code"] if isinstance(loaded, dict) else loaded or None, step["loaded"], f"{where}: loaded")
    if "health" in step:
        subset(json.loads(engine.call("health", now)), step["health"], f"{where}: health")
    while service := engine.call("poll-changed"):
        engine.call("state", service)


def attempt(work):
    """The answer, or the error's document."""
    try:
        return work()
    except SecretsError as error:
        return vars(error)


def outcome_of(name, answer):
    service, _, stage = name.partition("@")
    if isinstance(answer, str):
        answer = {"text": STANDARD[service], "versionId": answer, "createdAt": 0}
    if "code" in answer:
        result = {"failure": answer}
    else:
        result = {"payload": {**answer, "text": text_of(answer.get("text"))}}
    return {"service": service, "stage": stage or "AWSCURRENT", **result}


def key(request):
    is_current = request["stage"] == "AWSCURRENT"
    return request["service"] if is_current else f"{request['service']}@{request['stage']}"


def same(got, expected, where):
    assert got == expected, f"{where}: {got} and not {expected}"


def subset(got, expected, where):
    """Whether everything expected is there; more may be."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for name, value in expected.items():
            subset(got.get(name), value, f"{where}/{name}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for one, other in zip(got, expected):
            subset(one, other, where)
    else:
        same(got, expected, where)


def check(vector, folder):
    if folder == "scripts":
        play(vector)
    else:
        same(become(vector), vector["expect"], "it becomes")


def main():
    results = {}
    for folder in ("payloads", "scripts"):
        for file in sorted((VECTORS / folder).iterdir()):
            for vector in json.loads(file.read_text()):
                title = f"{file.name}: {vector['rule']}"
                try:
                    check(vector, folder)
                    results[title] = True
                except Exception as error:
                    results[title] = False
                    print(f"{title}\n  {type(error).__name__}: {error}")
    if len(sys.argv) > 3:
        pathlib.Path(sys.argv[3]).write_text(json.dumps(results))
    failed = sum(not holds for holds in results.values())
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

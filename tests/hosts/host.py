"""Secrets in a Python program, by the component: this thread of it fetches, and every other one reads."""

import concurrent.futures
import json
import os
import secrets as random
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from component import Sandbox, SecretsEngine

FAILURES = {
    "AccessDeniedException": "SECRETS_ACCESS_DENIED",
    "DecryptionFailure": "SECRETS_DECRYPTION_FAILED",
    "ResourceNotFoundException": "SECRETS_NOT_FOUND",
    "ThrottlingException": "SECRETS_THROTTLED",
}


class Secrets:
    def __init__(self, path, options):
        self._started = time.monotonic()
        wall, seed = time.time() * 1000, random.randbelow(2**53)
        self._engine = SecretsEngine(Sandbox(path), options, os.environ, wall, seed)
        self._setup = json.loads(self._engine.call("setup"))
        self._kept, self._changed = {}, set()
        self._flights = []
        self._turn = threading.Condition()
        self._is_closed = False
        self.events = []
        threading.Thread(target=self._run, daemon=True).start()

    def ready(self):
        """Waits until every secret is loaded; raises if a required one cannot be read."""
        self._wait(lambda: self._engine.attempt("loaded", self._now()))

    def get(self, service):
        """The config that is current now. Between two changes it is the same object."""
        with self._turn:
            if service in self._changed or service not in self._kept:
                config = json.loads(self._engine.attempt("read", service, self._now()))["config"]
                # What was only confirmed stays the same object.
                if self._kept.get(service) != config:
                    self._kept[service] = config
                self._changed.discard(service)
            return self._kept[service]

    def refresh(self, service):
        """Fetches now, and waits for it."""
        with self._turn:
            self._engine.attempt("refresh", service, self._now())
            self._turn.notify_all()
        self._wait(lambda: self._engine.attempt("refreshed", service))

    def health(self):
        with self._turn:
            return json.loads(self._engine.call("health", self._now()))

    def close(self):
        with self._turn:
            self._is_closed = True
            self._engine.call("close")
            self._kept.clear()
            self._turn.notify_all()

    def _now(self):
        return (time.monotonic() - self._started) * 1000

    def _wait(self, is_done):
        with self._turn:
            while not is_done():
                self._turn.wait()

    def _run(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool, self._turn:
            while not self._is_closed:
                now = self._now()
                self._engine.call("handle-clock", now, time.time() * 1000)
                for flight in [flight for flight in self._flights if flight.done()]:
                    self._flights.remove(flight)
                    self._engine.attempt("handle-fetched", now, json.dumps(flight.result()))
                while fetch := self._engine.call("poll-fetch", now):
                    flight = pool.submit(self._fetch, json.loads(fetch))
                    self._flights.append(flight)
                    flight.add_done_callback(self._wake)
                # First what is read, then who is waiting: a listener already reads the new value.
                while service := self._engine.call("poll-changed"):
                    self._changed.add(service)
                while event := self._engine.call("poll-event"):
                    self.events.append(json.loads(event))
                self._turn.notify_all()
                # Both clocks are to be looked at every minute, and every second while a fetch is under way.
                timeout = self._engine.call("poll-timeout")
                longest = 1 if self._flights else 60
                self._turn.wait(longest if timeout is None else max(0, min(longest, (timeout - now) / 1000)))

    def _wake(self, _):
        with self._turn:
            self._turn.notify_all()

    def _fetch(self, fetch):
        """One call for each secret; `BatchGetSecretValue` would take up to 20 of stage AWSCURRENT at once."""
        connection = self._setup["connection"]
        seconds = connection["timeoutMs"] / 1000
        client = boto3.session.Session(profile_name=connection["profile"]).client(
            "secretsmanager",
            region_name=next(iter(connection["regions"]), None),
            endpoint_url=connection["endpointUrl"],
            config=Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}),
        )
        return {"id": fetch["id"], "outcomes": [self._outcome(client, request) for request in fetch["requests"]]}

    @staticmethod
    def _outcome(client, request):
        outcome = {"service": request["service"], "stage": request["stage"]}
        try:
            value = client.get_secret_value(SecretId=request["secretId"], VersionStage=request["stage"])
            created = int(value["CreatedDate"].timestamp() * 1000)
            payload = {"text": value.get("SecretString"), "versionId": value["VersionId"], "createdAt": created}
            return {**outcome, "payload": payload}
        except ClientError as error:
            reason = error.response["Error"]["Code"]
            code = FAILURES.get(reason, "SECRETS_UNAVAILABLE")
        except NoCredentialsError:
            code, reason = "SECRETS_UNAUTHENTICATED", "boto3 found no credentials"
        except BotoCoreError as error:
            code, reason = "SECRETS_UNAVAILABLE", type(error).__name__
        # The reason is a word of ours or AWS's, never a message, which could hold a value.
        return {**outcome, "failure": {"code": code, "message": f"GetSecretValue failed: {reason}"}}

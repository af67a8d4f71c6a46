"""Serves Redis on two ports of 127.0.0.1 that the system chose, one with TLS and one without, until its standard input closes.

Reads `{ username, password, knowsLogin }` as its first line: the one user, and whether there are commands to log in. Prints `{ port, plain, authority }` as JSON.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from certificates import NOW, issue, pair, pem
from owner import end_with

CONFIGURATION = """
bind 127.0.0.1
port {plain}
tls-port {port}
tls-cert-file server.crt
tls-key-file server.key
tls-ca-cert-file authority.crt
tls-auth-clients no
save ""
user default off
user {username} on #{digest} ~* &* +@all
"""
WITHOUT_LOGIN = """
rename-command AUTH hidden-auth
rename-command HELLO hidden-hello
"""


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("Redis is not there: install Debian's package redis-server")
    with tempfile.TemporaryDirectory(prefix="permisos-secrets-redis-") as name:
        folder = Path(name)
        authority = issue("The tests' authority", None, NOW + timedelta(days=1))
        server = pair(issue("127.0.0.1", authority, NOW + timedelta(days=1)))
        with socket.socket() as one, socket.socket() as other:
            for probe in (one, other):
                probe.bind(("127.0.0.1", 0))
            port, plain = (probe.getsockname()[1] for probe in (one, other))
        # A password of a configuration file would need its quotes.
        digest = hashlib.sha256(asked["password"].encode()).hexdigest()
        configuration = CONFIGURATION.format(port=port, plain=plain, username=asked["username"], digest=digest)
        if not asked["knowsLogin"]:
            configuration += WITHOUT_LOGIN
        texts = {"server.crt": server["cert"], "server.key": server["key"], "authority.crt": pem(authority[0])}
        # The directory is private; so are the files.
        for file, text in {**texts, "redis.conf": configuration}.items():
            with open(folder / file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
                opened.write(text)
        process = subprocess.Popen(
            [program, "redis.conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            preexec_fn=end_with(signal.SIGKILL),
        )
        while process.poll() is None and not is_listening(port):
            time.sleep(0.02)
        if process.poll() is not None:
            sys.exit("Redis did not start")
        print(json.dumps({"port": port, "plain": plain, "authority": texts["authority.crt"]}), flush=True)
        sys.stdin.buffer.read()
        process.terminate()
        process.wait()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


main()

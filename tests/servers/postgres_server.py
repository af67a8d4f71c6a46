"""Serves a private PostgreSQL on 127.0.0.1, TLS and passwords only, until its standard input closes. A user called `plain`, if
a test makes one, may also come without TLS.

Prints `{ port, password, authority }` as JSON: of the administrator `postgres`, and the PEM to trust. Ends with the process
that started it, as moto_server.py does; if it is killed itself, the server ends too.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from certificates import ADDRESSES, NOW, issue, pair, pem
from owner import as_owner, owner

CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
ssl = on
fsync = off
max_connections = 200
"""


def binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not found:
        sys.exit("PostgreSQL is not there: install Debian's package postgresql")
    return found[-1]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="permisos-secrets-postgres-"))
    try:
        os.chown(folder, owner().pw_uid, owner().pw_gid)
        serve(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def serve(folder: Path) -> None:
    data, password = folder / "data", secrets.token_urlsafe(24)
    quiet = {"preexec_fn": as_owner(signal.SIGQUIT), "cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}

    def write(path: Path, text: str, mode: str = "w") -> None:
        with open(path, mode, opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text)
        os.chown(path, folder.stat().st_uid, folder.stat().st_gid)

    write(folder / "password", password)
    initialize = [binaries() / "initdb", "-D", data, "-U", "postgres", "--pwfile", folder / "password", "--no-sync"]
    initialize += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    subprocess.run(initialize, check=True, **quiet)
    authority = issue("The tests' authority", None, NOW + timedelta(days=1))
    # For the address, so that `localhost` is a name that it lacks.
    server = pair(issue("127.0.0.1", authority, NOW + timedelta(days=1), ADDRESSES))
    write(data / "server.crt", server["cert"])
    write(data / "server.key", server["key"])
    lines = ["hostssl all all 127.0.0.1/32 scram-sha-256", "hostnossl all plain 127.0.0.1/32 scram-sha-256"]
    write(data / "pg_hba.conf", "\n".join(lines) + "\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    write(data / "postgresql.conf", CONFIGURATION.format(port=port), "a")
    log = open(folder / "log", "w")
    process = subprocess.Popen([binaries() / "postgres", "-D", data], stderr=log, **quiet)
    is_ready = [binaries() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while process.poll() is None and subprocess.run(is_ready).returncode != 0:
        time.sleep(0.05)
    if process.poll() is not None:
        sys.exit("PostgreSQL did not start:\n" + (folder / "log").read_text())
    print(json.dumps({"port": port, "password": password, "authority": pem(authority[0])}), flush=True)
    sys.stdin.buffer.read()
    process.send_signal(signal.SIGINT)
    process.wait()


main()

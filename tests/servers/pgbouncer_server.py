"""Serves PgBouncer on 127.0.0.1 before a PostgreSQL, until its standard input closes.

Reads `{ port, users, method, authority }` as its first line: the server's port, the pooler's own passwords by user, how it asks for
them, and the PEM that the server's certificate is of. Prints its port; `unavailable` where PgBouncer is not installed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from owner import as_owner, owner

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server} dbname=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = {method}
auth_file = {folder}/users
server_tls_sslmode = {sslmode}
server_tls_ca_file = {folder}/authority
server_login_retry = 0
"""


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        print("unavailable", flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="permisos-secrets-pgbouncer-") as name:
        folder = Path(name)
        os.chown(folder, owner().pw_uid, owner().pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        users = "".join(f'"{user}" "{password}"\n' for user, password in asked["users"].items())
        settings = {"server": asked["port"], "port": port, "folder": folder, "method": asked["method"]}
        settings["sslmode"] = asked.get("sslmode", "verify-full")
        texts = {"users": users, "authority": asked["authority"], "ini": CONFIGURATION.format(**settings)}
        for file, text in texts.items():
            with open(folder / file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
                opened.write(text)
            os.chown(folder / file, owner().pw_uid, owner().pw_gid)
        log = open(folder / "log", "w")
        process = subprocess.Popen(
            [program, folder / "ini"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            preexec_fn=as_owner(signal.SIGINT),
        )
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        if process.poll() is not None:
            sys.exit("PgBouncer did not start:\n" + (folder / "log").read_text())
        print(port, flush=True)
        sys.stdin.buffer.read()
        process.send_signal(signal.SIGINT)
        process.wait()


main()

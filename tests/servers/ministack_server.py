"""Serves an emulated AWS (ministack) that enforces policies, on 127.0.0.1, until its standard input closes.

Usage: ministack_server.py 0. Prints the port that the system chose. Ends with the process that started it, as
moto_server.py does.
"""

import os
import shutil
import socket
import sys
import tempfile
import threading
import time


def exit_with_parent(folder: str) -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def print_when_ready(port: int, output: int) -> None:
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    os.write(output, f"{port}\n".encode())


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="permisos-secrets-ministack-")
    os.environ.update(
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        HOME=folder,
        IOT_MTLS_ENABLED="0",
        LOG_LEVEL="ERROR",
        TMPDIR=folder,
    )
    # ministack writes to standard output; the parent process expects nothing there but the port.
    output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    threading.Thread(target=exit_with_parent, args=(folder,), daemon=True).start()
    threading.Thread(target=print_when_ready, args=(port, output), daemon=True).start()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


main()

"""Serves an emulated Secrets Manager (moto) on 127.0.0.1, until its standard input closes.

Usage: moto_server.py [port]. Prints the port. The parent process need not stop it: when the parent ends, in whatever way,
the pipe closes and the server ends.
"""

import collections
import ctypes
import json
import logging
import os
import signal
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


PR_SET_PDEATHSIG = 1


class Counted:
    """Counts the calls by operation; `GET /requests` answers how many."""

    def __init__(self, application):
        self.application = application
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/requests":
            body = json.dumps(self.counts).encode()
            start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
            return [body]
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        with self.lock:
            self.counts[operation] += 1
        return self.application(environ, start_response)


def exit_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    if sys.platform == "linux":
        # Also while it is stopped (SIGSTOP), when nothing can be read.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    application = Counted(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", port, application, threaded=True)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


main()

"""A Secrets Manager with TLS that says which group of the key exchange was negotiated: as the version of every secret.

Its OpenSSL is the one that Python's `cryptography` brings, which knows post-quantum groups. Arguments: the files of its
certificate and its key. Prints the port; ends when standard input closes.
"""

import json
import socket
import sys
import threading

from OpenSSL import SSL

SECRET = {"host": "database.internal", "database": "app", "username": "app", "password": "not shown"}


def answer(connection: SSL.Connection) -> None:
    try:
        connection.do_handshake()
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        name = "permisos/production/database/credentials"
        arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-a1b2c3"
        text = json.dumps(SECRET)
        body = {"ARN": arn, "Name": name, "SecretString": text, "VersionId": connection.get_group_name()}
        payload = json.dumps(body).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {len(payload)}\r\n\r\n"
        connection.sendall(head.encode() + payload)
        connection.recv(65536)
    except SSL.Error:
        pass
    finally:
        connection.close()


def serve(listener: socket.socket, context: SSL.Context) -> None:
    while True:
        connection = SSL.Connection(context, listener.accept()[0])
        connection.set_accept_state()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def main() -> None:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_file(sys.argv[1])
    context.use_privatekey_file(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, context), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

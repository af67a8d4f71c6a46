"""Makes certificates for 127.0.0.1, localhost and the names given, with their keys, as JSON.

Prints `{ authority, good, expired, foreign, elsewhere, selfSigned }`: one to trust, and such as are not to be trusted: out of
date, of a foreign authority, for another name, of no authority. All but the first are `{ key, cert }`. Everything is PEM.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)


def pem_of_key(key) -> str:
    pkcs8, open_text = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, open_text).decode()


def pem(certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


NAMES = ["localhost", *sys.argv[1:]]
ADDRESSES = [x509.IPAddress(ip_address("127.0.0.1"))]


def issue(name: str, issuer, not_after: datetime, alternatives=None):
    """A certificate and its key, by an issuer `(certificate, key)`, or by itself: an authority, unless it has names."""
    if issuer and not alternatives:
        alternatives = [*ADDRESSES, *map(x509.DNSName, NAMES)]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 9 * DAY)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=not alternatives, path_length=None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pair(issued) -> dict:
    return {"cert": pem(issued[0]), "key": pem_of_key(issued[1])}


def main() -> None:
    authority = issue("The tests' authority", None, NOW + DAY)
    foreign = issue("A foreign authority", None, NOW + DAY)
    made = {
        "authority": pem(authority[0]),
        "good": pair(issue("127.0.0.1", authority, NOW + DAY)),
        "expired": pair(issue("127.0.0.1", authority, NOW - DAY)),
        "foreign": pair(issue("127.0.0.1", foreign, NOW + DAY)),
        "elsewhere": pair(issue("elsewhere", authority, NOW + DAY, [x509.DNSName("elsewhere.invalid")])),
        "selfSigned": pair(issue("127.0.0.1", None, NOW + DAY, [*ADDRESSES, *map(x509.DNSName, NAMES)])),
    }
    print(json.dumps(made))


if __name__ == "__main__":
    main()

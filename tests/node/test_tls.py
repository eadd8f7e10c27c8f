"""Node TLS over real loopback sockets: pinned leaves in, everything else out (R-NET1)."""

import datetime
import os
import socket
import ssl
import threading
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medquorum.node import tls

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Identity:
    key: ec.EllipticCurvePrivateKey
    leaf: bytes


def _identity(pseudonym: str) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    return Identity(key, tls.issue_leaf_certificate(key, pseudonym))


ALICE = _identity("a1")
BOB = _identity("b0")
MALLORY = _identity("ff")
CHARTER = (ALICE.leaf, BOB.leaf)


def _certificate(
    subject_key: ec.EllipticCurvePrivateKey, signer: Identity, *, ca: bool, name: str = "b0"
) -> bytes:
    issuer = x509.load_der_x509_certificate(signer.leaf).subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(subject_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(subject_key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
            critical=False,
        )
    )
    certificate = builder.sign(signer.key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)


def _exchange(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[bytes, bytes]:
    """Shake hands and pass one byte each way; return the SPKI hashes each side saw."""
    seen_by_server: list[bytes | Exception] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(TIMEOUT_S)
        try:
            with server.wrap_socket(connection, server_side=True) as session:
                seen_by_server.append(tls.peer_spki_hash(session))
                session.sendall(session.recv(1))
        except (OSError, tls.TlsIdentityError) as error:
            seen_by_server.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=TIMEOUT_S) as plain,
                client.wrap_socket(plain) as session,
            ):
                seen_by_client = tls.peer_spki_hash(session)
                session.sendall(b"x")
                if session.recv(1) != b"x":
                    raise ConnectionResetError("server closed")
        finally:
            thread.join(TIMEOUT_S)
    verdict = seen_by_server[0]
    if isinstance(verdict, Exception):
        raise verdict
    return verdict, seen_by_client


def _server() -> ssl.SSLContext:
    return tls.server_context(ALICE.key, ALICE.leaf, CHARTER)


def _foreign_client(key: ec.EllipticCurvePrivateKey, certificate: bytes) -> ssl.SSLContext:
    """A client that trusts Alice but shows any certificate it likes."""
    context = tls.client_context(BOB.key, BOB.leaf, CHARTER)
    chain = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + x509.load_der_x509_certificate(certificate).public_bytes(serialization.Encoding.PEM)
    with tls._short_lived_file(chain) as path:
        context.load_cert_chain(path)
    return context


def test_two_charter_members_connect_and_see_each_other() -> None:
    by_server, by_client = _exchange(_server(), tls.client_context(BOB.key, BOB.leaf, CHARTER))
    assert by_server == tls.spki_hash(BOB.leaf)
    assert by_client == tls.spki_hash(ALICE.leaf)


def test_unknown_client_certificate_is_refused() -> None:
    client = tls.client_context(MALLORY.key, MALLORY.leaf, CHARTER)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _exchange(_server(), client)


def test_wrong_server_certificate_is_refused() -> None:
    server = tls.server_context(MALLORY.key, MALLORY.leaf, CHARTER)
    client = tls.client_context(BOB.key, BOB.leaf, CHARTER)
    with pytest.raises(ssl.SSLCertVerificationError):
        _exchange(server, client)


def test_tls_1_2_is_refused() -> None:
    client = tls.client_context(BOB.key, BOB.leaf, CHARTER)
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError), match=r"(?i)version"):
        _exchange(_server(), client)


def test_a_client_without_a_certificate_is_refused() -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cadata=ALICE.leaf)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _exchange(_server(), client)


def test_a_certificate_minted_by_a_trusted_peer_is_refused() -> None:
    minted_key = ec.generate_private_key(ec.SECP256R1())
    minted = _certificate(minted_key, BOB, ca=False)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _exchange(_server(), _foreign_client(minted_key, minted))


def test_a_ca_leaf_never_enters_a_trust_store() -> None:
    authority = _certificate(BOB.key, BOB, ca=True)
    with pytest.raises(tls.TlsIdentityError, match="CA:FALSE"):
        tls.server_context(ALICE.key, ALICE.leaf, (authority,))


def test_other_curves_and_shapes_are_not_leaves() -> None:
    p384 = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(tls.TlsIdentityError, match="P-256"):
        tls.check_leaf_certificate(_certificate(p384, BOB, ca=False))
    with pytest.raises(tls.TlsIdentityError, match="not a leaf"):
        tls.check_leaf_certificate(b"\x30\x00")
    with pytest.raises(tls.TlsIdentityError, match="exceeds"):
        tls.check_leaf_certificate(b"\x00" * 5000)
    with pytest.raises(tls.TlsIdentityError, match="hex"):
        tls.issue_leaf_certificate(BOB.key, "Dr. House")


def test_a_certificate_of_an_unknown_version_is_no_leaf() -> None:
    leaf = tls.issue_leaf_certificate(ec.generate_private_key(ec.SECP256R1()), "ab")
    unknown = leaf.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    assert unknown != leaf
    with pytest.raises(tls.TlsIdentityError, match="not a leaf"):
        tls.check_leaf_certificate(unknown)


def test_a_foreign_key_is_refused_before_it_is_used() -> None:
    with pytest.raises(tls.TlsIdentityError, match="not for this private key"):
        tls.server_context(BOB.key, ALICE.leaf, CHARTER)


def test_an_empty_charter_trusts_nobody() -> None:
    server = tls.server_context(ALICE.key, ALICE.leaf, ())
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _exchange(server, tls.client_context(BOB.key, BOB.leaf, CHARTER))


def test_leaf_dates_do_not_depend_on_the_clock() -> None:
    leaf = x509.load_der_x509_certificate(BOB.leaf)
    assert leaf.not_valid_before_utc.year == 2025
    assert leaf.not_valid_after_utc.year == 9999
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [tls.NODE_DNS_NAME]


def test_without_memory_files_the_key_file_is_private_and_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with tls._short_lived_file(b"key") as path:
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert not os.path.exists(path)

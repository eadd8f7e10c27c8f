"""Mutual TLS 1.3 between nodes: self-issued leaf certificates pinned by the charter (R-NET1).

The trust store of a context is exactly the charter's leaves; no certificate authority exists,
so only the holder of a leaf's key can speak for its node. A leaf is CA:FALSE: a trusted peer
must not be able to mint further identities. Host names mean nothing here; the caller compares
`peer_spki_hash` with the charter after the handshake, and the signed HELLO binds both hashes.
In TLS 1.3 the client's handshake returns before the server has judged its certificate, so a
connection counts only from the first signed HELLO on. A context is rebuilt per charter epoch
(`ssl` cannot remove a trusted certificate) and sessions of removed keys are closed.
"""

import datetime
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NODE_DNS_NAME: Final = "medquorum-node"
"""Fixed subject alternative name; TLS libraries want one, nobody trusts it."""

CERTIFICATE_LIMIT_BYTES: Final = 4096
"""A self-issued P-256 leaf has about 600 bytes."""

TRUSTED_LEAVES_LIMIT: Final = 10_000
"""The charter's limit on members."""

# Fixed dates: validity is the charter's affair, and a node's clock must not decide it.
_NOT_BEFORE = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
_NOT_AFTER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


class TlsIdentityError(ValueError):
    """A certificate does not have the shape of a node's leaf; the message says which rule."""


def issue_leaf_certificate(private_key: ec.EllipticCurvePrivateKey, pseudonym_hex: str) -> bytes:
    """Return the DER of a self-signed leaf for `private_key` (RFC 5280 `notAfter` 9999-12-31).

    `pseudonym_hex` becomes the common name: lower-case hex, at most 64 characters.
    """
    if not 1 <= len(pseudonym_hex) <= 64 or not set(pseudonym_hex) <= set("0123456789abcdef"):
        raise TlsIdentityError("pseudonym must be 1 to 64 lower-case hex digits")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, pseudonym_hex)])
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    public_key = private_key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_signature_only_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NODE_DNS_NAME)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    certificate = builder.sign(private_key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)


def _signature_only_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def check_leaf_certificate(certificate_der: bytes) -> x509.Certificate:
    """Parse a node's leaf and return it; TlsIdentityError unless it is P-256, CA:FALSE, small."""
    if len(certificate_der) > CERTIFICATE_LIMIT_BYTES:
        raise TlsIdentityError(f"certificate exceeds {CERTIFICATE_LIMIT_BYTES} bytes")
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        public_key = certificate.public_key()
    except (
        ValueError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
    ) as error:
        raise TlsIdentityError("not a leaf certificate with basic constraints") from error
    if constraints.value.ca:
        raise TlsIdentityError("a node's certificate must be CA:FALSE")
    is_p256 = isinstance(public_key, ec.EllipticCurvePublicKey) and isinstance(
        public_key.curve, ec.SECP256R1
    )
    if not is_p256:
        raise TlsIdentityError("a node's certificate must hold a P-256 key")
    return certificate


def spki_hash(certificate_der: bytes) -> bytes:
    """Return the 32-byte SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469, 2.4)."""
    public_key = check_leaf_certificate(certificate_der).public_key()
    subject_public_key_info = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(subject_public_key_info).digest()


def peer_spki_hash(connection: ssl.SSLObject | ssl.SSLSocket) -> bytes:
    """Return the SPKI hash of the other side; TlsIdentityError when it showed no certificate."""
    certificate_der = connection.getpeercert(binary_form=True)
    if certificate_der is None:
        raise TlsIdentityError("the peer showed no certificate")
    return spki_hash(certificate_der)


def server_context(
    private_key: ec.EllipticCurvePrivateKey,
    certificate_der: bytes,
    trusted_leaves: Sequence[bytes],
) -> ssl.SSLContext:
    """Context of a listener: demands a client certificate that is one of `trusted_leaves` (DER)."""
    context = _node_context(ssl.PROTOCOL_TLS_SERVER, trusted_leaves)
    # No resumption: every session proves its certificate anew, so a removed key stays out.
    context.num_tickets = 0
    _load_identity(context, private_key, certificate_der)
    return context


def client_context(
    private_key: ec.EllipticCurvePrivateKey,
    certificate_der: bytes,
    trusted_leaves: Sequence[bytes],
) -> ssl.SSLContext:
    """Context of a dialler: accepts only a server whose certificate is one of `trusted_leaves`."""
    context = _node_context(ssl.PROTOCOL_TLS_CLIENT, trusted_leaves)
    _load_identity(context, private_key, certificate_der)
    return context


def _node_context(protocol: int, trusted_leaves: Sequence[bytes]) -> ssl.SSLContext:
    if len(trusted_leaves) > TRUSTED_LEAVES_LIMIT:
        raise TlsIdentityError(f"more than {TRUSTED_LEAVES_LIMIT} trusted certificates")
    for leaf in trusted_leaves:
        check_leaf_certificate(leaf)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.set_ecdh_curve("prime256v1")
    if trusted_leaves:
        context.load_verify_locations(cadata=b"".join(trusted_leaves))
    return context


def _load_identity(
    context: ssl.SSLContext, private_key: ec.EllipticCurvePrivateKey, certificate_der: bytes
) -> None:
    certificate = check_leaf_certificate(certificate_der)
    if certificate.public_key() != private_key.public_key():
        raise TlsIdentityError("the certificate is not for this private key")
    key_pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate_pem = certificate.public_bytes(serialization.Encoding.PEM)
    with _short_lived_file(key_pem + certificate_pem) as path:
        context.load_cert_chain(path)


@contextmanager
def _short_lived_file(content: bytes) -> Iterator[str]:
    """Give `ssl`, which reads keys by path only, a path that never names bytes on a disk."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("node-identity", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.NamedTemporaryFile(mode="wb") as stream:
        stream.write(content)
        stream.flush()
        yield stream.name

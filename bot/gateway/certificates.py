"""The certificates of a gateway: an authority of its own, one server, and one client per paired bot.

Nobody else trusts the authority and it signs nothing else, so who holds a certificate of it was paired here. Its one
server may be called by any address: a PC at home has no name, and its number changes.
"""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bot.gateway.folder import write_whole
from core.errors import ConfigError, Refused

LIFE: Final = timedelta(days=90)
RENEWED_BEFORE: Final = timedelta(days=30)
AUTHORITY_LIFE: Final = timedelta(days=3650)
_EARLIER: Final = timedelta(hours=1)
"""Certificates begin so long ago: the clocks of two PCs differ."""
SERVER: Final = "dingpan gateway"


class Authority:
    """Signs. Its key never leaves the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def made(self) -> bool:
        return (self._folder / "ca.pem").exists()

    def make(self, now: datetime) -> None:
        """Begin anew: whoever was paired before has to pair again."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"dingpan {x509.random_serial_number():x}"[:40])])
        certificate = (
            _blank(name, name, key.public_key(), now, AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_whole(self._folder / "ca.key", _key_pem(key))
        write_whole(self._folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        self.sign_server(now)

    @property
    def pem(self) -> bytes:
        """Its certificate.

        Raises:
            ConfigError: there is none yet.
        """
        try:
            return (self._folder / "ca.pem").read_bytes()
        except OSError:
            raise ConfigError(["网关还没有证书，请先运行 dingpan gateway init。"]) from None

    def sign_server(self, now: datetime) -> None:
        """A new key and certificate for the server."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER)])
        certificate = self._sign(name, key.public_key(), now, ExtendedKeyUsageOID.SERVER_AUTH)
        # In one file, so that a key never stands beside the certificate of another.
        write_whole(self._folder / "server.pem", _key_pem(key) + certificate)

    def sign_bot(self, request_pem: str, bot_id: str, now: datetime) -> str:
        """A certificate for the key in a request. The name is ours to give, and not the request's.

        Raises:
            Refused: it is no request, or not signed by its own key.
        """
        try:
            request = x509.load_pem_x509_csr(request_pem.encode())
            key = request.public_key()
            if not request.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
                raise Refused("网关", "证书申请不对，请更新程序再试")
        except (ValueError, InvalidSignature):
            raise Refused("网关", "证书申请读不懂，请更新程序再试") from None
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, bot_id)])
        return self._sign(name, key, now, ExtendedKeyUsageOID.CLIENT_AUTH).decode()

    def server_until(self) -> datetime:
        """When the server's certificate ends. Aware UTC."""
        return valid_until((self._folder / "server.pem").read_bytes())

    def context(self) -> ssl.SSLContext:
        """TLS 1.3, and nobody in without a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.pem.decode())
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Use the server's newest certificate for the connections that come."""
        context.load_cert_chain(self._folder / "server.pem")

    def open_context(self) -> ssl.SSLContext:
        """The same without asking for a certificate: for whoever comes to get one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.load_into(context)
        return context

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, use: x509.ObjectIdentifier
    ) -> bytes:
        own_key = serialization.load_pem_private_key((self._folder / "ca.key").read_bytes(), None)
        assert isinstance(own_key, ec.EllipticCurvePrivateKey)
        own = x509.load_pem_x509_certificate(self.pem)
        return (
            _blank(name, own.subject, key, now, LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key.public_key()), critical=False)
            .sign(own_key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )


def valid_until(pem: bytes) -> datetime:
    """The end of the first certificate in a file. Aware UTC."""
    return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc.astimezone(UTC)


def fingerprint(pem: bytes) -> bytes:
    """SHA-256 of a certificate."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).digest()


def _blank(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    return builder.not_valid_before(now - _EARLIER).not_valid_after(now + life)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

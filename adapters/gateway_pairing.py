"""How this PC comes to be known to a gateway, and stays so: the code, the key that never leaves, the renewals."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from adapters.gateway_line import Address, Line, why_not
from core.clock import Clock
from core.errors import Invalid, Malformed, OutsideError, Refused, Unavailable
from core.pairing import Admitted, Asking, Authorized, read_code
from core.types import Noun
from core.wire import About, Fault, Offer, Right

log: Final = logging.getLogger(__name__)

NAME: Final = "QMT 网关"
PATIENCE: Final = 15.0
RENEWED_BEFORE: Final = timedelta(days=30)
BETWEEN_TRIES: Final = timedelta(hours=1)

N = TypeVar("N", bound=Noun)


class Pairing(Noun):
    """What is remembered of a gateway.

    Attributes:
        accounts: as it listed them last.
    """

    url: str
    bot: str
    token: str
    rights: tuple[Right, ...]
    accounts: tuple[Offer, ...] = ()


class Signing(Noun):
    pem: str


class Paired:
    """A folder with a pairing in it: ``pairing.json``, ``ca.pem`` and ``bot.pem``, our key and certificate."""

    def __init__(self, folder: Path, clock: Clock, url: str | None = None, token: str | None = None) -> None:
        self.folder = folder
        self._clock = clock
        self._url = url
        self._token = token
        self._tried_at: datetime | None = None
        self._known: tuple[float, Address] | None = None

    def pairing(self) -> Pairing:
        """Raises Unavailable: there is none."""
        try:
            return Pairing.model_validate_json((self.folder / "pairing.json").read_bytes())
        except (OSError, ValidationError):
            raise Unavailable(NAME, "还没有和网关配对，请先运行 dingpan gateway pair 地址 配对码") from None

    def until(self) -> datetime:
        """When our certificate ends. Aware UTC. Raises Unavailable."""
        from cryptography import x509

        try:
            certificate = x509.load_pem_x509_certificates((self.folder / "bot.pem").read_bytes())[0]
        except (OSError, ValueError):
            raise Unavailable(NAME, "配对的证书不见了，请重新配对") from None
        return certificate.not_valid_after_utc.astimezone(UTC)

    def address(self) -> Address:
        """Where it is and how to prove who we are. Raises Unavailable."""
        file = self.folder / "bot.pem"
        try:
            changed = file.stat().st_mtime
            if self._known is None or self._known[0] != changed:
                pairing = self.pairing()
                context = trusting((self.folder / "ca.pem").read_text(encoding="ascii"))
                context.load_cert_chain(file)
                url, token = (self._url or pairing.url).rstrip("/"), self._token or pairing.token
                self._known = changed, Address(url, token, context)
        except (OSError, ssl.SSLError, ValueError):
            raise Unavailable(NAME, "还没有和网关配对，请先运行 dingpan gateway pair 地址 配对码") from None
        return self._known[1]

    async def renew_if_due(self, line: Line) -> None:
        """Get a new certificate, for a new key, well before the old one ends."""
        now = self._clock.now()
        if self.until() - now > RENEWED_BEFORE or (self._tried_at is not None and now - self._tried_at < BETWEEN_TRIES):
            return
        self._tried_at = now
        key, request = new_request()
        answer = await line.ask("renew", Signing(pem=request), Signing)
        _write(self.folder / "bot.pem", key + answer.pem.encode())
        log.info("our certificate for the gateway was renewed")

    def remember(self, about: About) -> Pairing:
        """Keep what the gateway says it has."""
        pairing = self.pairing().model_copy(update={"accounts": about.accounts, "rights": about.rights})
        _write(self.folder / "pairing.json", pairing.model_dump_json(indent=1).encode())
        return pairing


def trusting(authority: str) -> ssl.SSLContext:
    """TLS 1.3 with a server of this authority and no other. It signs one server only, so the name says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.load_verify_locations(cadata=authority)
    return context


def new_request() -> tuple[bytes, str]:
    """A new key and a request for a certificate, both PEM. The name in it is the gateway's to give."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dingpan")])
    request = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, request.public_bytes(serialization.Encoding.PEM).decode()


async def pair(url: str, code: str, folder: Path) -> Pairing:
    """Use a code, and write what it brings into the folder.

    Args:
        url: of the invitation, as the gateway's PC shows it.

    Raises:
        Invalid: the address or the code is none.
        Unavailable, Refused, Malformed
    """
    wanted = read_code(code)
    match = re.fullmatch(r"(https://)?([^/\s]+):(\d+)/?", url.strip())
    if match is None:
        raise Invalid(f"“{url}”不是网关的地址，请照网关那台电脑上显示的写，例如 https://192.168.1.20:8766。")
    host = match[2]
    invitation = f"https://{host}:{match[3]}"
    # Whom we talk to is not known yet, so nothing is said but hello.
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.minimum_version = ssl.TLSVersion.TLSv1_3
    stranger.check_hostname = False
    stranger.verify_mode = ssl.CERT_NONE
    authority = (await _send(stranger, "GET", f"{invitation}/ca", None, Authorized)).pem
    try:
        seen = hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority)).digest()
    except ValueError:
        raise Malformed(NAME, "那个地址上的不是盯盘网关，请核对地址") from None
    if not wanted.vouches_for(seen):
        raise Refused(
            NAME,
            "那台电脑的证书和配对码对不上，没有配对，什么也没有发给它。请核对地址和配对码；都对的话，中间可能有人冒充",
        )
    key, request = new_request()
    admitted = await _send(
        trusting(authority), "POST", f"{invitation}/pair", Asking(secret=wanted.secret, pem=request), Admitted
    )
    pairing = Pairing(
        url=f"https://{host}:{admitted.port}", bot=admitted.bot, token=admitted.token, rights=admitted.rights
    )
    keep(folder, pairing, authority.encode(), key + admitted.pem.encode())
    return pairing


def keep(folder: Path, pairing: Pairing, authority: bytes, own: bytes) -> None:
    """Write a pairing down.

    Args:
        own: our key and certificate, PEM.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(NAME, f"配对的文件夹建不了（{error.strerror}），请换一个能写的 DATA_DIR") from None
    _write(folder / "ca.pem", authority)
    _write(folder / "pairing.json", pairing.model_dump_json(indent=1).encode())
    _write(folder / "bot.pem", own)


async def _send(context: ssl.SSLContext, method: str, url: str, body: Noun | None, kind: type[N]) -> N:
    import httpx

    content = None if body is None else body.model_dump_json()
    try:
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=PATIENCE) as client:
            answer = await client.request(method, url, content=content, headers={"content-type": "application/json"})
    except httpx.TimeoutException:
        raise Unavailable(NAME, f"网关 {PATIENCE:.0f} 秒没有回答，请检查网络和防火墙") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unavailable(NAME, why_not(error)) from None
    try:
        if answer.status_code == 200:
            return kind.model_validate_json(answer.content)
        raise _fault(Fault.model_validate_json(answer.content))
    except ValidationError:
        raise Malformed(NAME, f"那个地址上的不是盯盘网关（HTTP {answer.status_code}），请核对地址") from None


def _fault(fault: Fault) -> OutsideError:
    return Refused(NAME, fault.reason) if fault.error == "Refused" else Malformed(NAME, fault.reason)


def _write(path: Path, body: bytes) -> None:
    """In one step, and readable by nobody else where the system knows such a thing."""
    try:
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(made).replace(path)
    except OSError as error:
        raise Unavailable(NAME, f"{path.name} 写不了（{error.strerror}），请检查磁盘") from None

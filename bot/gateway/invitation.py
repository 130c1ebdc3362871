"""An invitation: while it is open, one bot may come with the code and get its certificate and its token.

It listens on a port of its own, which nobody needs a certificate for, and only while somebody sits at the PC: it ends
with the first bot that is let in, after a few minutes, or after a few wrong codes.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from bot.gateway.certificates import Authority, fingerprint, valid_until
from bot.gateway.counter import NAME
from bot.gateway.folder import Bot, Folder, digest_of, new_token
from core.clock import Clock
from core.errors import OutsideError, Refused
from core.pairing import Admitted, Asking, Authorized, Code, new_code
from core.wire import Fault, Right

OPEN_FOR: Final = timedelta(minutes=10)
MOST_WRONG: Final = 5


class Invitation:
    """One code, for one bot.

    Attributes:
        over: set when it is used, or used up.
        admitted: who came.
    """

    def __init__(
        self, authority: Authority, folder: Folder, clock: Clock, *, name: str, rights: Sequence[Right], port: int
    ) -> None:
        self.code: Final[Code] = new_code(fingerprint(authority.pem))
        self.ends_at: Final[datetime] = clock.now() + OPEN_FOR
        self.over = asyncio.Event()
        self.admitted: Bot | None = None
        self._authority = authority
        self._folder = folder
        self._clock = clock
        self._name = name
        self._rights = tuple(rights)
        self._port = port
        self._wrong = 0

    def authority(self) -> Authorized:
        return Authorized(pem=self._authority.pem.decode())

    def admit(self, asking: Asking) -> Admitted:
        """Let a bot in, once.

        Raises:
            Refused: used, too late, or the wrong code.
        """
        now = self._clock.now()
        if self.over.is_set() or now >= self.ends_at:
            raise Refused(NAME, "配对码已经用过或者过期了，请在网关那台电脑上再运行一次 dingpan gateway invite")
        if not hmac.compare_digest(asking.secret.encode(), self.code.secret.encode()):
            self._wrong += 1
            if self._wrong >= MOST_WRONG:
                self.over.set()
            raise Refused(NAME, "配对码不对，请从网关那台电脑上完整地复制过来")
        bot_id, token = self._clock.new_id(), new_token()
        pem = self._authority.sign_bot(asking.pem, bot_id, now)
        bot = Bot(id=bot_id, name=self._name, rights=self._rights, digest=digest_of(token), paired_at=now)
        self._folder.add_bot(bot)
        self.admitted = bot
        self.over.set()
        return Admitted(
            bot=bot_id, pem=pem, token=token, port=self._port, rights=self._rights, until=valid_until(pem.encode())
        )


def invitation_app(invitation: Invitation) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(OutsideError)
    async def outside(_: Request, error: OutsideError) -> JSONResponse:
        return JSONResponse(Fault(error=type(error).__name__, reason=error.reason).model_dump(), 403)

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, __: RequestValidationError) -> JSONResponse:
        return JSONResponse(Fault(error="Malformed", reason="请求读不懂").model_dump(), 422)

    @app.get("/ca")
    async def authority() -> Authorized:
        return invitation.authority()

    @app.post("/pair")
    async def pair(asking: Asking) -> Admitted:
        return invitation.admit(asking)

    return app

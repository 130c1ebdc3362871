"""What holds from now on: account, channel and interval, the limits of an order, quiet hours, pictures."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.language import phrases
from bot.language.marks import pattern
from bot.language.reading import (
    Reading,
)
from bot.language.request import (
    Request,
    Setting,
)


def defaults(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if not _SETTING_WORDS.search(sentence.text):
        return None
    account = next((name for written, name in phrases.ACCOUNTS if sentence.take(written)), None)
    channel = next((name for written, name in phrases.CHANNELS if sentence.take(written)), None)
    for key, written in phrases.SETTINGS:
        before = sentence.rest
        match = sentence.take(written)
        if match is None:
            continue
        value: str | Decimal | None
        if key == "default_account" and account is None:
            sentence.rest = before
            continue
        if key == "approval_mode":
            value = "always"
        elif key in {"alert_pictures", "alert_comments"}:
            value = "off" if match["off"] else "on"
        elif key == "quiet_hours":
            begin, end = sentence.moments[match["from"]].at, sentence.moments[match["to"]].at
            value = f"{begin:%H:%M}-{end:%H:%M}" if begin and end else None
        elif key == "default_interval_s":
            value = Decimal(sentence.moments[match["v"]].seconds)
        elif key == "default_account":
            value = account
        elif key == "default_channel":
            value = channel if account is None else None
        else:
            value = reading.value(match)
        if value is not None and not reading.named().anything and reading.covered():
            return Request(intent="settings", setting=Setting.model_validate({"key": key, "value": value}))
        break
    return None


_SETTING_WORDS: Final = pattern("图|点评|以后|今后|默认|问我|总是|始终|主账户|切到|限额|上限|批|一律|点头|过目|凡是|不管|不论|无论|每笔|单笔|一笔|单次|每单|每一笔|每次|确认|审批|批准|最大|最高|免打扰|<at>|切换|换到|间隔|频率|渠道|方式|提醒都|通知都|任何|所有|从现在起|改成|改到|换成|改用|改走|封顶")  # noqa: E501 - one list  # fmt: skip

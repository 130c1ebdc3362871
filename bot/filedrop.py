"""``dingpan filedrop init``: the script for big QMT with its settings filled in, and what to do with it, step by step.

The key that both sides sign with lies in the data folder and in the script, and nowhere in the shared folder: who can
write into that one must not be able to order.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bot.settings import Settings
from core.errors import ConfigError, Invalid, Unavailable

KEY: Final = "filedrop.key"
SCRIPT: Final = "dingpan_qmt.py"

_STEPS: Final = """\
写好了给大 QMT 用的脚本：{script}
里面有密钥：不要给别人看，也不要放进共享文件夹。

接下来（各家券商的菜单名字可能略有不同）：
 1. 用记事本打开这个脚本，看最上面的上限：单笔 50000 元、一天买入 100000 元、一天 20 笔。改成你愿意的数，保存。
    这些上限由大 QMT 里的脚本自己守着，盯盘出了问题也越不过去。
 2. 打开大 QMT，用资金账号 {account} 登录。不要选“极简模式”或“独立交易”。
 3. 在“模型研究”里新建一个 Python 策略，名字写 dingpan，删掉里面原有的内容，把脚本的全部内容贴进去，编译、保存。
    在编辑器里点“运行”不会真的下单，要到下一步的“模型交易”里运行。
 4. 在“模型交易”里新建策略交易，选 dingpan，账号选 {account}（股票）；主图随便选一只股票，例如 000300.SH，周期 1 分钟。
 5. 运行模式选“实盘”，点运行。选成“模拟”的话，委托会被客户端悄悄丢掉，盯盘会告诉你状态未知。
 6. 策略日志里出现 dingpan: at work，就是好了。同一个脚本只运行一份。
 7. 在盯盘的 .env 里写上这三行，重新运行 dingpan：
      BROKER=filedrop
      FILEDROP_PATH={folder}
      FILEDROP_ACCOUNT={account}

先用一手试一次。要立刻停住所有委托：在大 QMT 里停止这个策略，或者对盯盘说 /panic。
程序取走的每一个编号记在大 QMT 那台电脑的用户文件夹 dingpan_records 里，请不要删。"""


def init(settings: Settings, folder: Path, account: str, seen_as: str | None, write: Callable[[str], None]) -> None:
    """Write the script, and say what to do with it. A second time it keeps the key, so that a script at work stays one.

    Args:
        seen_as: what the computer of big QMT calls the folder, where that is another computer.

    Raises:
        Invalid: the folder or the account cannot be.
        ConfigError, Unavailable: a file cannot be read or written.
    """
    if not re.fullmatch(r"[0-9A-Za-z]{4,32}", account):
        raise Invalid(f"“{account}”不是资金账号，请写券商给你的那串数字，例如 --account 8800123456。")
    folder, data = folder.absolute(), settings.folder().absolute()
    if folder.resolve() in (data.resolve(), *data.resolve().parents):
        raise Invalid(f"共享文件夹 {folder} 里有盯盘自己的数据（{data}），密钥会被别人看到，请换一个文件夹。")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(f"文件夹 {folder} 建不了（{error.strerror}），请换一个。") from None
    from bot.main import script_for_big_qmt

    key = read_key(settings) if (data / KEY).exists() else secrets.token_hex(32)
    text = script_for_big_qmt(folder=seen_as or str(folder), number=account, key=key)
    script = data / SCRIPT
    try:
        if script.exists() and script.read_text(encoding="ascii") != text:
            old = script.replace(script.with_name(f"{SCRIPT}.old"))
            write(f"原来的脚本改名为 {old}，你改过的上限请抄到新的里。")
        _keep(data / KEY, key)
        _keep(script, text)
    except OSError as error:
        raise Unavailable("脚本", f"{data} 写不了（{error.strerror}），请检查。") from None
    for line in _STEPS.format(script=script, account=account, folder=folder).splitlines():
        write(line)


def read_key(settings: Settings) -> str:
    """What both sides sign with.

    Raises:
        ConfigError: there is none, or it is none of ours.
    """
    path = settings.data_dir / KEY
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError([f"没有大 QMT 的密钥（{path}），请先运行 dingpan filedrop init。"]) from None
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ConfigError([f"{path} 里不是密钥。请删掉它，重新运行 dingpan filedrop init，换上新的脚本。"])
    return key


def _keep(path: Path, text: str) -> None:
    """Write a file that holds a secret: nobody else may read it, where the system knows such a thing."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)

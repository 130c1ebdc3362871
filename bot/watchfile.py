"""Watches as a YAML file that people read, edit and compare: watches -> text, text -> watches or problems.

One line says one thing, so that one changed value is one changed line: a condition and a plan are a line each, a
symbol too. What follows ``#`` says in Chinese what the line says, and is not read back. Fields are those of
:class:`core.watches.Watch` and of the kinds of condition, by their own names; a new one needs nothing here. What has
its default value is left out.

A watch of the file is the one in the store that has its number; one without a number, or whose number nobody has, is
the one that says the same. The same file read twice therefore changes nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, get_args, runtime_checkable

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.validation import problem_text
from core.errors import Invalid
from core.market import board_of, lot_problem
from core.messages import Chat
from core.types import Noun, Side, Symbol, is_account, parse_symbol
from core.watches import Watch, WatchState, usual_repeat

HEAD: Final = """\
# 盯盘任务。可以手工修改，再用 dingpan import 导入；# 后面的字只给人看，导入时不读。
# 有编号（number）的改那个任务；没有编号的是新任务。没写的项目取默认值。
"""
_OURS: Final = frozenset({"id", "owner", "created_at"})
"""Fields that belong to the house and not to the file."""
_FIRST: Final = ("number", "symbols", "conditions", "combine", "plan")
_WRITTEN: Final = {"expires_on": "expires"}
"""Fields that people know under another name."""
_FIELDS: Final = {
    _WRITTEN.get(name, name): name
    for name in (*_FIRST, *(one for one in Watch.model_fields if one not in _FIRST))
    if name not in _OURS
}
"""By the name in the file, in the order of the file."""
_SPANS: Final = frozenset(
    name for name, field in Watch.model_fields.items() if timedelta in (field.annotation, *get_args(field.annotation))
)
_BREAKS: Final = re.compile("[\n\r\x85\u2028\u2029]")
_UNITS: Final = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
    ("ms", timedelta(milliseconds=1)),
    ("us", timedelta(microseconds=1)),
)
_SPAN: Final = re.compile(r"(?:\d{1,6}(?:d|h|ms|m|us|s)){1,6}")
_PART: Final = re.compile(r"(\d+)(d|h|ms|m|us|s)")
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@runtime_checkable
class _Spoken(Protocol):
    """A condition or a plan."""

    def text(self) -> str: ...


NameOf = Callable[[Symbol], str]
"""The name of a security; empty where it is not known."""


# -- writing


def write(watches: Iterable[Watch], name_of: NameOf) -> str:
    """The whole file, watches by number; the same watches give the same text."""
    ordered = sorted(watches, key=lambda watch: watch.number)
    if not ordered:
        return f"{HEAD}watches: []\n"
    return f"{HEAD}watches:\n" + "\n".join("".join(f"{line}\n" for line in block(one, name_of)) for one in ordered)


def block(watch: Watch, name_of: NameOf) -> list[str]:
    """The lines of one watch."""
    lines: list[str] = []
    for word, field in _FIELDS.items():
        value = getattr(watch, field)
        if value == _default(watch, field) or (field == "symbols" and watch.scope == "market"):
            continue  # the whole market is thousands of lines, and another list next week
        if isinstance(value, tuple) and value and not isinstance(value, Chat):
            lines.append(f"{word}:")
            lines += [f"- {_flow(one, block=True)}{_comment(one, name_of)}" for one in value]
        else:
            lines.append(f"{word}: {_flow(value, block=True)}{_comment(value, name_of)}")
    return [("- " if index == 0 else "  ") + line for index, line in enumerate(lines)]


def _default(watch: Watch, field: str) -> object:
    if field == "repeat":
        return usual_repeat(watch.plan)
    return Watch.model_fields[field].get_default(call_default_factory=False)


def _flow(value: object, *, block: bool = False) -> str:
    """A value on one line.

    Args:
        block: it stands alone behind its key, where fewer things need quotes.
    """
    match value:
        case Noun():
            # The kind is always its default, and tells the conditions apart.
            return _flow(value.model_dump(include={"kind"}) | value.model_dump(exclude_defaults=True))
        case Chat():
            return _text(str(value), block=block)
        case Mapping():
            return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
        case tuple():
            return "[" + ", ".join(_flow(one) for one in value) + "]"
        case bool():
            return "true" if value else "false"
        case Decimal():
            plain = f"{value:f}"
            return plain.rstrip("0").rstrip(".") if "." in plain else plain
        case timedelta():
            return span_text(value)
        case None:
            return "null"
        case int() | date():
            return str(value)
        case _:
            return _text(str(value), block=block)


@lru_cache(maxsize=4096)
def _text(text: str, *, block: bool) -> str:
    """A text with the quotes that YAML asks for there."""
    written: str = yaml.safe_dump(
        [text],
        allow_unicode=True,
        width=float("inf"),
        default_flow_style=not block,
        default_style='"' if _BREAKS.search(text) else None,  # the other styles would take several lines
    )
    line = written.removesuffix("\n")
    return line.removeprefix("- ") if block else line[1:-1]


def _comment(value: object, name_of: NameOf) -> str:
    if isinstance(value, _Spoken):
        said = value.text()
    elif isinstance(value, str):
        said = getattr(value, "chinese", None) or name_of(Symbol(value))
    else:
        said = ""
    clean = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    return f"  # {clean}" if clean else ""


def span_text(span: timedelta) -> str:
    """A duration as people write it.

    >>> span_text(timedelta(minutes=5)), span_text(timedelta(hours=1, seconds=30)), span_text(timedelta(0))
    ('5m', '1h30s', '0s')
    """
    parts = []
    for unit, length in _UNITS:
        count, span = divmod(span, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_span(text: str) -> timedelta:
    """Read what :func:`span_text` writes.

    Raises:
        Invalid

    >>> parse_span("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if _SPAN.fullmatch(text) is None:
        raise Invalid(f"“{text}”不是时长，请写成 5m（分）、90s（秒）、2h（小时）或 1d（天）")
    lengths = dict(_UNITS)
    return sum((int(count) * lengths[unit] for count, unit in _PART.findall(text)), timedelta(0))


# -- reading


class Problem(NamedTuple):
    """What cannot be read.

    Attributes:
        line: counted from 1.
        text: a Chinese sentence without a full stop.
    """

    line: int
    text: str


class House(NamedTuple):
    """What a file does not say.

    Attributes:
        watches: the owner's watches that are in the store.
        account, chat: of a new watch that names none.
        accounts: those that exist.
        market: the shares of a new watch on the whole market, until the program runs and knows all of them.
    """

    owner: str
    watches: Sequence[Watch]
    account: str
    accounts: frozenset[str]
    chat: Chat
    now: datetime
    new_id: Callable[[], str]
    market: tuple[Symbol, ...] = ()


class Reading(NamedTuple):
    """The watches of a file, or, where there are problems, nothing that may be used."""

    watches: tuple[Watch, ...]
    problems: tuple[Problem, ...]


def read(text: str, house: House) -> Reading:
    """Read a file. Every problem is found at once.

    A watch that is in the store comes with the id and number it has there; a new one with an id of its own, and with
    number 0 unless the file gives one.
    """
    problems: list[Problem] = []
    root = _compose(text, problems)
    items = [] if problems else _items(root, problems)
    by_number = {watch.number: watch for watch in house.watches}
    seen: dict[int, int] = {}
    found: list[tuple[Watch, bool]] = []
    for item in items:
        entry = _Entry(item, problems)
        number = entry.number(seen)
        known = by_number.get(number) if number else None
        watch = entry.watch(number, known, house)
        if watch is not None:
            found.append((watch, known is not None))
    if problems:
        return Reading((), tuple(sorted(problems, key=lambda one: one.line)))
    return Reading(tuple(_recognised(found, house.watches)), ())


def _compose(text: str, problems: list[Problem]) -> yaml.Node | None:
    """The tree of a file; None where it is empty, and with a problem where it is not YAML or could grow without end."""
    try:
        aliases = [one for one in yaml.parse(text, yaml.SafeLoader) if isinstance(one, yaml.AliasEvent)]
        problems += [Problem(_line(one), f"不支持引用（*{one.anchor}），请把内容写全") for one in aliases]
        return None if problems else yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problems.append(Problem(line, f"第 {column} 个字附近不是正确的 YAML，请检查缩进、冒号后面的空格、括号和引号"))
    except yaml.reader.ReaderError as error:
        problems.append(Problem(text.count("\n", 0, error.position) + 1, "有不能显示的字符，请删掉"))
    except RecursionError:
        problems.append(Problem(1, "括号套得太多，读不了"))
    return None


def _items(root: yaml.Node | None, problems: list[Problem]) -> list[yaml.MappingNode]:
    """The watches of the tree that look like watches."""
    keys = _keys(root, problems) if isinstance(root, yaml.MappingNode) else {}
    if "watches" not in keys:
        problems.append(Problem(_line(root) if root is not None else 1, "开头要有 watches:，任务写在它下面"))
    problems += [Problem(_line(one), f"不认识 {word} 这一项") for word, one in keys.items() if word != "watches"]
    node = keys.get("watches")
    if node is None or _null(node):
        return []
    if not isinstance(node, yaml.SequenceNode):
        problems.append(Problem(_line(node), "watches 下面要是一个一个的任务，每个以“- ”开头"))
        return []
    wrong = [one for one in node.value if not isinstance(one, yaml.MappingNode)]
    problems += [Problem(_line(one), "这里要是一个任务，例如“- symbols: [600519]”") for one in wrong]
    return [one for one in node.value if isinstance(one, yaml.MappingNode)]


def _keys(node: yaml.MappingNode, problems: list[Problem]) -> dict[str, yaml.Node]:
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(_line(key), "冒号前面要是一个词"))
        elif key.value in found:
            problems.append(Problem(_line(key), f"{key.value} 写了两次"))
        else:
            found[key.value] = value
    return found


def _line(node: yaml.Node | yaml.AliasEvent) -> int:
    return node.start_mark.line + 1 if node.start_mark is not None else 1


def _null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


class _Entry:
    """One watch of the file. What is wrong with it is put into ``problems``."""

    def __init__(self, node: yaml.MappingNode, problems: list[Problem]) -> None:
        self._node = node
        self._problems = problems
        self._fields: dict[str, yaml.Node] = {}
        for word, value in _keys(node, problems).items():
            if word in _FIELDS:
                self._fields[_FIELDS[word]] = value
            else:
                self._wrong(value, f"不认识 {word} 这一项{_near(word, _FIELDS)}")

    def _wrong(self, node: yaml.Node, text: str) -> None:
        self._problems.append(Problem(_line(node), text))

    def number(self, seen: dict[int, int]) -> int:
        """The number; 0 where none is given, or none that can be.

        Args:
            seen: the lines of the numbers before it.
        """
        node = self._fields.pop("number", None)
        if node is None or _null(node):
            return 0
        if not isinstance(node, yaml.ScalarNode) or not re.fullmatch(r"[1-9]\d{0,8}", node.value):
            self._wrong(node, "number 要写 1 以上的整数；新任务可以不写")
            return 0
        number = int(node.value)
        if number in seen:
            self._wrong(node, f"编号 {number} 和第 {seen[number]} 行重复")
        seen.setdefault(number, _line(node))
        return number

    def watch(self, number: int, known: Watch | None, house: House) -> Watch | None:
        """The watch; None with its problems.

        Args:
            known: the one that it replaces.
        """
        before = len(self._problems)
        given: dict[str, Any] = {}
        for field, node in self._fields.items():
            if Watch.model_fields[field].is_required() or not _null(node):
                given[field] = self._value(field, node)
        if len(self._problems) > before:
            # With what is left it may look as if more were wrong than is.
            given = {field: value for field, value in given.items() if value is not None}
        if given.get("scope") == "market" and "symbols" not in self._fields:
            # All that stand follow the same list, so what has no number is recognised by it.
            stored = (one.symbols for one in (known, *house.watches) if one is not None and one.scope == "market")
            given["symbols"] = next(stored, house.market)
        old = known or house
        filled = {
            "account": old.account,
            "chat": old.chat,
            "text": known.text if known is not None else "",
            "owner": house.owner,
            "number": number,
            "id": known.id if known is not None else house.new_id(),
            "created_at": known.created_at if known is not None else house.now,
        }
        try:
            watch = Watch.model_validate(filled | given)
        except ValidationError as error:
            broken: set[int | str] = {field for field in self._fields if field not in given}
            errors = error.errors()
            # Where no item of a list was right, the list is called too short as well.
            broken |= {one["loc"][0] for one in errors if len(one["loc"]) > 1 and one["type"] != "too_short"}
            for one in errors:
                said = len(one["loc"]) == 1 and one["loc"][0] in broken
                if not said:
                    self._explain(one)
            return None
        if "repeat" not in given:
            watch = watch.model_copy(update={"repeat": usual_repeat(watch.plan)})
        self._check(watch, house.accounts | ({known.account} if known is not None else set()))
        return watch if len(self._problems) == before else None

    def _value(self, field: str, node: yaml.Node) -> object:
        """What a field is given; None with a problem."""
        if field == "symbols":
            return self._symbols(node)
        value = self._plain(node)
        if not isinstance(value, str):
            return value
        try:
            if field in _SPANS:
                return parse_span(value)
        except Invalid as error:
            self._wrong(node, f"{field}：{error}")
            return None
        if field == "chat":
            channel, colon, place = value.partition(":")
            if not (channel and colon and place):
                self._wrong(node, f"chat：“{value}”不是会话，要写成 telegram:123456 的样子")
                return None
            return Chat(channel, place)
        return value

    def _symbols(self, node: yaml.Node) -> tuple[Symbol, ...] | None:
        found: list[Symbol] = []
        before = len(self._problems)
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            written = self._plain(one)
            text = written if isinstance(written, str) else ""
            try:
                symbol = Symbol(text) if is_account(text) else parse_symbol(text)
            except Invalid as error:
                self._wrong(one, str(error).rstrip("。"))
                continue
            if symbol in found:
                self._wrong(one, f"{symbol} 写了两次")
            found.append(symbol)
        return tuple(found) if len(self._problems) == before else None

    def _plain(self, node: yaml.Node) -> object:
        """A tree of dicts, tuples, texts and None. Numbers stay texts: a float would not be what was written."""
        if isinstance(node, yaml.MappingNode):
            return {key: self._plain(value) for key, value in _keys(node, self._problems).items()}
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._plain(one) for one in node.value)
        return None if _null(node) else node.value

    def _check(self, watch: Watch, accounts: Iterable[str]) -> None:
        """What the chat would refuse too."""
        if watch.state is WatchState.DELETED:
            self._wrong(self._at(("state",)), "state 不能写 deleted。要删除就把任务从文件里去掉，导入时加 --prune")
        if watch.account not in accounts:
            have = "、".join(sorted(accounts))
            self._wrong(self._at(("account",)), f"没有 {watch.account} 这个账户，现在有的是：{have}")
        for index, one in enumerate(watch.conditions):
            if getattr(one, "reference", None) == "last" and getattr(one, "base", one) is None:
                where = self._at(("conditions", index))
                self._wrong(where, "reference: last 是从设置时的价格起算，请用 base 写明那个价格，例如 base: 1400")
        plan = watch.plan
        if plan is not None and plan.side is Side.BUY and plan.shares is not None:
            for symbol in watch.symbols:
                problem = lot_problem(board_of(symbol), plan.side, plan.shares, 0)
                if problem is not None:
                    self._wrong(self._at(("plan", "shares")), problem.rstrip("。"))
                    break

    def _explain(self, error: ErrorDetails) -> None:
        node = self._at(error["loc"])
        named = [str(part) for part in error["loc"] if isinstance(part, str)]
        word = _WRITTEN.get(named[-1], named[-1]) if named else ""
        match error["type"]:
            case "union_tag_not_found":
                said = "缺少 kind，要写明是哪种条件，例如 {kind: price_below, value: 1420}"
            case "union_tag_invalid":
                kinds = re.findall(r"'(\w+)'", str(error["ctx"]["expected_tags"]))
                tag = str(error["ctx"]["tag"])
                said = f"没有 {tag} 这种条件{_near(tag, kinds)}。可以写：{'、'.join(kinds)}"
            case "value_error":
                said = problem_text(error).rstrip("。")
            case "extra_forbidden" | "missing":
                said = f"{word}：{problem_text(error)}"
            case _:
                shown = f"“{error['input']}”" if isinstance(error["input"], str) else ""
                said = f"{word}：{shown}{problem_text(error)}"
        self._wrong(node, said)

    def _at(self, path: Sequence[int | str]) -> yaml.Node:
        """The deepest node on a path of pydantic's, which also names the branches of unions."""
        node: yaml.Node = self._node
        if path and path[0] in self._fields:
            node = self._fields[str(path[0])]
        for part in path[1:]:
            if isinstance(node, yaml.MappingNode):
                inside = [value for key, value in node.value if key.value == part]
                node = inside[0] if inside else node
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
        return node


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"，是不是 {near[0]}" if near else ""


def _recognised(found: Sequence[tuple[Watch, bool]], stored: Sequence[Watch]) -> Iterator[Watch]:
    """Those whose number nobody has become the stored ones that say the same, each once."""
    taken = {watch.id for watch, known in found if known}
    same: dict[Watch, list[Watch]] = {}
    for one in stored:
        if one.id not in taken:
            same.setdefault(_meaning(one), []).append(one)
    for watch, known in found:
        others = same.get(_meaning(watch), []) if not known else []
        if not others:
            yield watch
            continue
        # Of several, the one that is in the state wanted.
        match = next((one for one in others if one.state is watch.state), others[0])
        others.remove(match)
        identity = {"id": match.id, "number": match.number, "created_at": match.created_at}
        yield watch.model_copy(update={**identity, "text": watch.text or match.text})


def _meaning(watch: Watch) -> Watch:
    """The watch without what makes it this one; equal where the same would be told in the same place."""
    nobody = {"id": "", "number": 0, "owner": "", "created_at": _LONG_AGO}
    return watch.model_copy(update={**nobody, "state": WatchState.ACTIVE, "text": ""})


# -- comparing


class Changes(NamedTuple):
    """What a file would do to the store.

    Attributes:
        created: by number, those without one last.
        changed: before and after.
        kept: in the store, and not in the file.
    """

    created: tuple[Watch, ...]
    changed: tuple[tuple[Watch, Watch], ...]
    unchanged: tuple[Watch, ...]
    kept: tuple[Watch, ...]


def compare(wanted: Iterable[Watch], stored: Iterable[Watch]) -> Changes:
    known = {watch.id: watch for watch in stored}
    ordered = sorted(wanted, key=lambda watch: (watch.number == 0, watch.number))
    pairs = [(known[watch.id], watch) for watch in ordered if watch.id in known]
    named = {watch.id for watch in ordered}
    return Changes(
        created=tuple(watch for watch in ordered if watch.id not in known),
        changed=tuple((before, after) for before, after in pairs if before != after),
        unchanged=tuple(after for before, after in pairs if before == after),
        kept=tuple(watch for watch in known.values() if watch.id not in named),
    )


def difference(changes: Changes, name_of: NameOf, *, prune: bool) -> list[str]:
    """What would change, as lines with ``+``, ``-`` and ``~`` before them."""
    lines: list[str] = []
    for watch in changes.created:
        lines += [f"+ 新建 {_title(watch, name_of)}"]
    for before, after in changes.changed:
        lines += [f"~ 修改 {_title(after, name_of)}"]
        compared = difflib.ndiff(block(before, name_of), block(after, name_of))
        lines += [f"    {line}" for line in compared if line.startswith(("+ ", "- "))]
    if prune:
        lines += [f"- 删除 {_title(watch, name_of)}" for watch in changes.kept]
    return lines


def summary(changes: Changes, *, prune: bool) -> str:
    """``新建 1 个，修改 0 个，没有变化 3 个，文件里没有而保留 2 个``."""
    rest = "删除" if prune else "文件里没有而保留"
    return (
        f"新建 {len(changes.created)} 个，修改 {len(changes.changed)} 个，"
        f"没有变化 {len(changes.unchanged)} 个，{rest} {len(changes.kept)} 个"
    )


def _title(watch: Watch, name_of: NameOf) -> str:
    shown = "、".join(name_of(symbol) or symbol for symbol in watch.symbols[:3])
    more = f" 等 {len(watch.symbols)} 只" if len(watch.symbols) > 3 else ""
    return f"{f'#{watch.number}' if watch.number else '（编号待定）'} {shown}{more}：{watch.condition_text()}"

# coding:gbk
"""The half of dingpan that runs inside big QMT: it places what you approved in the chat, once, within the limits below.

Your assistant puts one small signed file per order into FOLDER/requests. Every second this script takes what is there
(by renaming it), notes the number of each order on the disk (RECORDS), and only then calls passorder. A number that is
noted is never sent again, whatever happens. A file that is late, over a limit or signed with another key is refused.
What the counter says of your orders, cash and positions goes back through FOLDER.

It runs on the client's own Python 3.6, needs nothing installed and opens no connection. Only the part between the two
lines of ==== is meant to be changed by you. Stop the strategy in big QMT, and no order can be placed any more.
"""

import hashlib
import hmac
import json
import os
import time

# ==== settings ========================================================================================================
FOLDER = ""  # the folder shared with dingpan
ACCOUNT = ""  # your account number
KEY = ""  # the shared secret: show it to nobody

MAX_YUAN_PER_ORDER = 50000
MAX_BUY_YUAN_PER_DAY = 100000
MAX_ORDERS_PER_DAY = 20
ALLOW_BUY = True
ALLOW_SELL = True

RECORDS = os.path.join(os.path.expanduser("~"), "dingpan_records")  # the numbers taken so far; not inside FOLDER
# ==== end of the settings =============================================================================================

VERSION = 1
OTHER_IS_ALIVE = 10.0  # seconds: another copy of this script whose pulse is younger is at work
AHEAD = 30.0  # seconds by which the other computer's clock may be ahead of ours
TORN = 60.0  # seconds after which a file that cannot be read is put aside
FIELDS = {
    "account": "m_dAvailable m_dFrozenCash m_dBalance m_dInstrumentValue",
    "position": "m_strInstrumentID m_strExchangeID m_nVolume m_nCanUseVolume m_dOpenPrice",
    "order": "m_strRemark m_strOrderSysID m_strInstrumentID m_strExchangeID m_nOffsetFlag m_nDirection m_dLimitPrice"
    " m_nVolumeTotalOriginal m_nVolumeTraded m_nOrderStatus m_strCancelInfo m_strErrorMsg m_strInsertDate"
    " m_strInsertTime",
    "deal": "m_strRemark m_strOrderSysID m_strTradeID m_strInstrumentID m_strExchangeID m_nOffsetFlag m_nDirection"
    " m_dPrice m_nVolume m_dTradeAmount m_dComssion m_dCommission m_strTradeDate m_strTradeTime",
}


class G(object):
    """What is remembered while the script runs: big QMT turns back what is kept in ContextInfo."""

    me = "%d.%d" % (os.getpid(), int(time.time() * 1000))
    at_work = False  # whether this copy has taken over what an earlier one left
    busy = False
    online = False
    strangers = 0  # files that were not signed with our key
    stories = {}  # by number, what happened to the orders of today
    unsaved = set()


def now():
    return time.time()


def in_china(at, form="%Y-%m-%d"):
    """The exchange's own day or hour, whatever zone this computer thinks it is in."""
    return time.strftime(form, time.gmtime(at + 8 * 3600))


def path(*names):
    return os.path.join(FOLDER, *names)


def signature(purpose, text):
    return hmac.new(KEY.encode("ascii"), (purpose + "\n" + text).encode("ascii"), hashlib.sha256).hexdigest()


def write(where, purpose, body):
    """Replace a file as a whole: a reader sees the old one or the new one."""
    text = json.dumps(body, sort_keys=True)
    with open(where + ".part", "w", encoding="ascii") as file:
        json.dump({"body": text, "signature": signature(purpose, text)}, file)
        if purpose == "answer":  # the others are written anew every second
            file.flush()
            os.fsync(file.fileno())
    for _ in range(20):
        try:
            return os.replace(where + ".part", where)
        except PermissionError:  # Windows, while somebody reads the old one
            time.sleep(0.01)
    raise OSError("%s cannot be replaced" % ascii(where))


def read(where, purpose):
    """The body of a file, or None: not there, not complete, or not signed with our key."""
    try:
        with open(where, "r", encoding="ascii") as file:
            sealed = json.load(file)
        good = hmac.compare_digest(sealed["signature"], signature(purpose, sealed["body"]))
        return json.loads(sealed["body"]) if good else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


# ---- the record of numbers that are never sent (again) ---------------------------------------------------------------


def record(body, verdict, yuan):
    """Note a number on the disk; False when it was noted before. Two copies of this script cannot both get True."""
    folder = os.path.join(RECORDS, ACCOUNT, in_china(body["created_at"]))
    os.makedirs(folder, exist_ok=True)
    try:
        file = os.open(os.path.join(folder, body["id"]), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    try:
        note = {"id": body["id"], "verdict": verdict, "side": body["side"], "yuan": yuan}
        os.write(file, json.dumps(note).encode("ascii"))
        os.fsync(file)
    finally:
        os.close(file)
    return True


def recorded_today():
    """A note without content counts as sent: nobody knows."""
    folder, notes = os.path.join(RECORDS, ACCOUNT, in_china(now())), []
    for number in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        try:
            with open(os.path.join(folder, number), "r", encoding="ascii") as file:
                notes.append(json.load(file))
        except ValueError:
            notes.append({"id": number, "verdict": "", "side": "", "yuan": 0.0})
    return notes


# ---- requests --------------------------------------------------------------------------------------------------------


def refusal(body, yuan):
    """Why an order is not placed; empty when it is."""
    sent = [note for note in recorded_today() if not note["verdict"]]
    bought = sum(note["yuan"] for note in sent if note["side"] == "buy")
    buying = body["side"] == "buy"
    checks = (
        (body["account"] != ACCOUNT, "account"),
        (now() > body["not_after"], "late"),
        (body["created_at"] > now() + AHEAD, "clock"),
        (body["side"] not in ("buy", "sell") or body["shares"] <= 0 or not yuan > 0, "order"),
        (not (ALLOW_BUY if buying else ALLOW_SELL), "not_allowed"),
        (yuan > MAX_YUAN_PER_ORDER, "yuan_per_order %d" % MAX_YUAN_PER_ORDER),
        (buying and bought + yuan > MAX_BUY_YUAN_PER_DAY, "buy_yuan_per_day %d" % MAX_BUY_YUAN_PER_DAY),
        (len(sent) >= MAX_ORDERS_PER_DAY, "orders_per_day %d" % MAX_ORDERS_PER_DAY),
        (not G.online, "offline"),
    )
    return next((why for wrong, why in checks if wrong), "")


def take_requests(C):
    for name in sorted(os.listdir(path("requests"))):
        lying = path("requests", name)
        body = read(lying, "request")
        if not name.endswith(".json") or (body is None and now() - os.path.getmtime(lying) < TORN):
            continue  # perhaps it is still being written
        taken = path("taken" if body else "strangers", name)
        taken += ".again" if os.path.exists(taken) else ""
        try:
            os.replace(lying, taken)  # who renames it has it: this script, or dingpan, which withdraws it
        except OSError:
            continue
        body = read(taken, "request")
        if body is None or body["id"] + ".json" != name:
            G.strangers += 1
            print("dingpan: %s is not signed with our key and was put aside" % ascii(name))
        elif body["kind"] == "cancel":
            call_off(C, body)
        else:
            place(C, body)


def place(C, body):
    yuan = float(body["limit"]) * body["shares"]
    why = refusal(body, yuan)
    if not record(body, why, yuan):
        return  # its answer stands
    story = tell(body["id"], body, "refused" if why else "sent", why)
    if not why:
        # The note is on the disk: from here on this number is never sent again.
        kind, limit = 23 if body["side"] == "buy" else 24, float(body["limit"])
        try:
            passorder(kind, 1101, ACCOUNT, body["symbol"], 11, limit, body["shares"], "dingpan", 2, body["id"], C)
        except Exception as error:
            story.update(state="unknown", why="passorder " + ascii(error)[:200])
    print("dingpan: %s: %s" % (ascii(body), why or story["state"]))
    save()


def call_off(C, body):
    """Ask the counter to cancel; what comes of it is seen in the order itself."""
    found = [row.get("m_strOrderSysID") for row in rows("order") if row.get("m_strRemark") == body["order"]]
    why = "late" if now() > body["not_after"] else "" if found and found[-1] else "not_seen"
    try:
        if not why and cancel(found[-1], ACCOUNT, "stock", C) is False:
            why = "cancel"
    except Exception as error:
        why = "cancel " + ascii(error)[:200]
    write(path("answers", body["id"] + ".json"), "answer", {"id": body["id"], "why": why})


# ---- what the counter says -------------------------------------------------------------------------------------------


def rows(kind):
    found = get_trade_detail_data(ACCOUNT, "stock", kind)
    if found is None:
        raise ValueError("no answer about " + kind)
    names = FIELDS[kind].split()
    return [{name: str(getattr(row, name)) for name in names if hasattr(row, name)} for row in found]


def look():
    """Write down the account first and the orders after it: who has read of a fill finds it in the account."""
    seen = {"at": now(), "account": ACCOUNT, "why": ""}
    try:
        for kind in FIELDS:
            seen[kind + "s"] = rows(kind)
        seen["why"] = "" if seen["accounts"] else "offline"
    except Exception as error:
        seen["why"] = ascii(error)[:200]
    G.online = not seen["why"]
    write(path("statement.json"), "statement", seen)
    if G.online:
        for story in G.stories.values():
            follow(story, seen)
    save()


def follow(story, seen):
    """Add what is new of one order to its story: each step once, and none is ever changed."""
    orders = [row for row in seen["orders"] if row.get("m_strRemark") == story["id"]]
    numbers = [(row["m_strOrderSysID"], row["m_strInstrumentID"]) for row in orders if row.get("m_strOrderSysID")]
    deals = [row for row in seen["deals"] if (row.get("m_strOrderSysID"), row.get("m_strInstrumentID")) in numbers]
    steps = [("order", row) for row in orders] + [("deal", row) for row in deals]
    if orders and in_china(now(), "%H:%M") > "15:30":
        steps.append(("closed", in_china(now())))
    for kind, what in steps:
        if not any(step.get(kind) == what for step in story["steps"]):
            add(story, kind, what)


def tell(number, request, state, why):
    G.stories[number] = {"id": number, "request": request, "state": state, "why": why, "steps": []}
    G.unsaved.add(number)
    return G.stories[number]


def add(story, kind, what):
    story["steps"].append({"at": now(), kind: what})
    G.unsaved.add(story["id"])


def save():
    for number in sorted(G.stories):
        if number not in G.unsaved and os.path.exists(path("answers", number + ".json")):
            continue
        try:
            write(path("answers", number + ".json"), "answer", G.stories[number])
            G.unsaved.discard(number)
        except OSError as error:  # tried again in a second
            print("dingpan: cannot write about %s: %s" % (number, ascii(error)))


# ---- one copy at work ------------------------------------------------------------------------------------------------


def beat(at):
    body = {"at": at, "copy": G.me, "account": ACCOUNT, "online": G.online, "strangers": G.strangers}
    write(path("heartbeat.json"), "heartbeat", dict(body, version=VERSION))


def is_ours():
    """Whether this copy may work. Another one that is alive goes on alone; a new one first says that it is there."""
    last = read(path("heartbeat.json"), "heartbeat") or {"copy": "", "at": 0}
    if last["copy"] == G.me:
        return True
    G.at_work = G.online = False
    if abs(now() - last["at"]) >= OTHER_IS_ALIVE:
        beat(now())
    return False


def same_records():
    """Whether the folder was last served with these RECORDS, and not on another computer or by another user."""
    own = os.path.join(RECORDS, ACCOUNT, "name")
    if not os.path.exists(own):
        os.makedirs(os.path.dirname(own), exist_ok=True)
        with open(own, "w", encoding="ascii") as file:
            file.write(G.me)
    with open(own, "r", encoding="ascii") as file:
        name = file.read()
    last = read(path("records.json"), "records")
    write(path("records.json"), "records", {"name": name})
    return last == {"name": name}


def take_over():
    """Finish what an earlier copy left, sending nothing: a number that is noted may live, one that is not never did."""
    G.stories, G.unsaved, ours = {}, set(), same_records()
    notes = {note["id"]: note["verdict"] for note in recorded_today()}
    for name in os.listdir(path("taken")):
        old = now() - os.path.getmtime(path("taken", name)) > 3 * 86400  # not even opened: there will be thousands
        body = None if old else read(path("taken", name), "request")
        if not body or body["kind"] != "order" or in_china(body["created_at"]) != in_china(now()):
            continue
        number, verdict = body["id"], "interrupted" if ours else ""
        G.stories[number] = read(path("answers", number + ".json"), "answer")
        if G.stories[number] is None:
            if not record(body, verdict, 0.0):
                verdict = notes.get(number, "")
            tell(number, body, "refused" if verdict else "unknown", verdict or "interrupted")
    G.at_work = True


def tick(C):
    if G.busy:
        return
    G.busy = True
    try:
        if is_ours():
            if not G.at_work:
                take_over()
            look()
            beat(now())
            take_requests(C)
    except Exception as error:  # the next second may go better
        print("dingpan: %s" % ascii(error))
    finally:
        G.busy = False


# ---- what big QMT calls ----------------------------------------------------------------------------------------------


def init(ContextInfo):
    if not (FOLDER and ACCOUNT and KEY):
        raise ValueError("dingpan: FOLDER, ACCOUNT and KEY are empty; use the file that `dingpan filedrop init` wrote")
    for name in ("requests", "taken", "withdrawn", "answers", "strangers"):
        os.makedirs(path(name), exist_ok=True)
    ContextInfo.set_account(ACCOUNT)
    try:
        ContextInfo.run_time("dingpan_timer", "1nSecond", "2020-01-01 09:00:00")
    except TypeError:  # older clients ask for a market too
        ContextInfo.run_time("dingpan_timer", "1nSecond", "2020-01-01 09:00:00", "SH")
    print("dingpan: at work in %s" % ascii(FOLDER))


def dingpan_timer(ContextInfo):
    tick(ContextInfo)


def handlebar(ContextInfo):
    if ContextInfo.is_last_bar():
        tick(ContextInfo)


def order_callback(ContextInfo, orderInfo):
    tick(ContextInfo)


def deal_callback(ContextInfo, dealInfo):
    tick(ContextInfo)


def orderError_callback(ContextInfo, orderArgs, errMsg):
    """The client did not pass an order on; its remark stands behind the name of the strategy."""
    number = str(getattr(orderArgs, "strategyName", "")).split("_&&&_")[-1]
    if number in G.stories:
        add(G.stories[number], "error", str(errMsg))


def stop(ContextInfo):
    if G.at_work:
        beat(0)

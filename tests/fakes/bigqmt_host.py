"""A small big QMT: it runs a strategy file as the client does, with an exchange behind it that outlives the client.

It stands alone and runs on Python 3.6, the client's own. In one process a test holds a :class:`Host`; as a program it
reads commands as JSON lines and answers each with one, so that it can be killed at any step of the strategy::

    python bigqmt_host.py SCRIPT SETTINGS_JSON
    {"do": "tick"}   {"do": "trade", "remark": "dp1", "shares": 100, "price": 10.0}   {"do": "hang", "at": 3}

What nobody knows of the real client is a switch: :attr:`Exchange.raises` (passorder raises after placing), ``swallows``
(the strategy runs in simulation mode), ``lags`` (queries until an order shows), ``remark`` (how much of it is kept),
``refuses`` (the counter's reason), ``errors`` (the client's own refusal), ``silent`` (None instead of lists) and
``offline`` (empty lists).
"""

import json
import os
import sys
import time


class Row(object):
    """One of the client's objects: fields by their names, and nothing else."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


class Exchange(object):
    """Orders, deals, cash and positions, in a file that is there after the client has died."""

    def __init__(self, path, now=time.time):
        self.path = path
        self.now = now
        self.callback = lambda name, *given: None
        self.raises = self.refuses = self.errors = ""
        self.swallows = self.silent = self.offline = False
        self.lags = 0
        self.remark = 24
        self.state = {"orders": [], "deals": [], "asked": [], "cash": 1000000.0, "positions": {}}
        if os.path.exists(path):
            with open(path, "r", encoding="ascii") as file:
                self.state = json.load(file)

    def forget(self):
        """How often was asked counts anew."""
        del self.state["asked"][:]
        self.save()

    def save(self):
        with open(self.path + ".part", "w", encoding="ascii") as file:
            json.dump(self.state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".part", self.path)

    def hold(self, code, shares, cost):
        self.state["positions"][code] = {"shares": shares, "sellable": shares, "cost": cost}
        self.save()

    def stamp(self, form):
        return time.strftime(form, time.gmtime(self.now() + 8 * 3600))

    # -- what the client gives to a strategy

    def passorder(self, kind, form, account, code, price_type, price, volume, strategy, quick, remark, context):
        assert (form, price_type, quick) == (1101, 11, 2), (form, price_type, quick)
        assert (type(price), type(volume)) == (float, int), (price, volume)
        self.state["asked"].append(remark)
        self.save()
        if self.swallows:
            return
        if self.errors:
            wanted = Row(strategyName=strategy + "_&&&_" + remark, orderCode=code, modelVolume=volume)
            self.callback("orderError_callback", wanted, self.errors)
            return
        number, market = code.split(".")
        self.state["orders"].append(
            {
                "m_strRemark": remark[: self.remark],
                "m_strOrderSysID": str(9001 + len(self.state["orders"])),
                "m_strInstrumentID": number,
                "m_strExchangeID": market,
                "m_nOffsetFlag": 48 if kind == 23 else 49,
                "m_nDirection": 48,
                "m_dLimitPrice": price,
                "m_nVolumeTotalOriginal": volume,
                "m_nVolumeTraded": 0,
                "m_nOrderStatus": 57 if self.refuses else 50,
                "m_strCancelInfo": self.refuses,
                "m_strErrorMsg": "",
                "m_strInsertDate": self.stamp("%Y%m%d"),
                "m_strInsertTime": self.stamp("%H%M%S"),
                "account": account,
            }
        )
        self.save()
        if self.raises:
            raise RuntimeError(self.raises)
        self.callback("order_callback", Row(**self.state["orders"][-1]))

    def get_trade_detail_data(self, account, kind, what):
        assert kind == "stock", kind
        if self.silent:
            return None
        if self.offline:
            return []
        if what == "account":
            worth = sum(one["shares"] * one["cost"] for one in self.state["positions"].values())
            return [
                Row(
                    m_dAvailable=self.state["cash"],
                    m_dFrozenCash=0.0,
                    m_dBalance=self.state["cash"] + worth,
                    m_dInstrumentValue=worth,
                )
            ]
        if what == "position":
            return [
                Row(
                    m_strInstrumentID=code.split(".")[0],
                    m_strExchangeID=code.split(".")[1],
                    m_nVolume=one["shares"],
                    m_nCanUseVolume=one["sellable"],
                    m_dOpenPrice=one["cost"],
                )
                for code, one in self.state["positions"].items()
            ]
        if what == "order":
            self.lags -= 1
            return [] if self.lags >= 0 else [Row(**one) for one in self.state["orders"]]
        return [Row(**one) for one in self.state["deals"]]

    def cancel(self, number, account, kind, context):
        for order in self.state["orders"]:
            if order["m_strOrderSysID"] == number and order["m_nOrderStatus"] in (50, 55):
                order["m_nOrderStatus"] = 53 if order["m_nVolumeTraded"] else 54
        self.save()
        return True

    # -- what a test says

    def placed(self, remark):
        """How often an order with this number was passed on."""
        return self.state["asked"].count(remark)

    def trade(self, remark, shares, price, commission=0.0):
        order = [one for one in self.state["orders"] if one["m_strRemark"] == remark][-1]
        order["m_nVolumeTraded"] += shares
        whole = order["m_nVolumeTraded"] == order["m_nVolumeTotalOriginal"]
        if order["m_nOrderStatus"] in (50, 55, 56):
            order["m_nOrderStatus"] = 56 if whole else 55
        deal = {
            key: order[key]
            for key in (
                "m_strRemark",
                "m_strOrderSysID",
                "m_strInstrumentID",
                "m_strExchangeID",
                "m_nOffsetFlag",
                "m_nDirection",
            )
        }
        deal.update(
            {
                "m_strTradeID": "%08d" % (len(self.state["deals"]) + 1),
                "m_dPrice": price,
                "m_nVolume": shares,
                "m_dTradeAmount": price * shares,
                "m_dComssion": commission,
                "m_dCommission": 0.0,
                "m_strTradeDate": self.stamp("%Y%m%d"),
                "m_strTradeTime": self.stamp("%H%M%S"),
            }
        )
        self.state["deals"].append(deal)
        self.save()
        self.callback("deal_callback", Row(**deal))

    def deal_again(self, **changes):
        """The newest deal is told once more."""
        self.state["deals"].append(dict(self.state["deals"][-1], **changes))
        self.save()

    def newest_deal(self):
        return self.state["deals"][-1]

    def change_deal(self, **changes):
        """The newest deal looks like this."""
        self.state["deals"][-1].update(changes)
        self.save()

    def end(self, remark, status, why=""):
        """The counter says that an order has come to this status."""
        for order in self.state["orders"]:
            if order["m_strRemark"] == remark:
                order.update({"m_nOrderStatus": status, "m_strCancelInfo": why})
        self.save()


class Context(object):
    """ContextInfo: what the strategy asks of it is remembered."""

    def __init__(self):
        self.accounts = []
        self.timers = []
        self.last = True

    def set_account(self, account):
        self.accounts.append(account)

    def run_time(self, function, period, start):
        self.timers.append(function)

    def is_last_bar(self):
        return self.last


class Host(object):
    """A running strategy. ``exchange`` needs passorder, get_trade_detail_data and cancel."""

    def __init__(self, script, exchange, settings):
        self.exchange = exchange
        self.context = Context()
        self.said = []
        self.names = {
            "__name__": "strategy",
            "passorder": exchange.passorder,
            "get_trade_detail_data": exchange.get_trade_detail_data,
            "cancel": exchange.cancel,
            "print": self.said.append,
        }
        with open(script, "r", encoding="ascii") as file:
            exec(compile(file.read(), script, "exec"), self.names)
        self.names.update(settings)
        self.names["now"] = exchange.now
        exchange.callback = self.call
        self.call("init")

    def call(self, name, *given):
        return self.names[name](self.context, *given)

    def tick(self):
        for function in self.context.timers:
            self.call(function)


# -- as a program


class Steps(object):
    """Counts what the strategy does to the outside, and hangs before one of it."""

    def __init__(self, answer):
        self.answer = answer
        self.count = 0
        self.at = 0

    def before(self, name, function):
        def stepped(*given, **named):
            self.count += 1
            if self.count == self.at:
                self.answer({"hangs": name})
                sys.stdin.read()  # until it is killed
            return function(*given, **named)

        return stepped


def main():
    def answer(what):
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    settings = json.loads(sys.argv[2])
    clock = {"at": settings.pop("at")}
    exchange = Exchange(settings.pop("exchange"), lambda: clock["at"])
    steps = Steps(answer)
    host = Host(sys.argv[1], exchange, settings)
    host.names["passorder"] = steps.before("passorder", exchange.passorder)
    own = Own(os, steps)
    host.names["os"] = own
    answer({"python": sys.version.split()[0]})
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        command = json.loads(line)
        do = command.pop("do")
        if do == "tick":
            clock["at"] = command.get("at", clock["at"])
            host.tick()
        elif do == "hang":
            steps.count, steps.at = 0, command["at"]
        elif do == "set":
            exchange.__dict__.update(command)
        else:
            getattr(exchange, do)(**command)
        answer({"did": do, "steps": steps.count, "said": host.said})
        host.said[:] = []


class Own(object):
    """The module ``os`` as the strategy has it: each step that leaves a trace is counted, the exchange's own are not."""

    def __init__(self, real, steps):
        self.real = real
        for name in ("open", "write", "fsync", "close", "replace", "makedirs"):
            setattr(self, name, steps.before(name, getattr(real, name)))

    def __getattr__(self, name):
        return getattr(self.real, name)


if __name__ == "__main__":
    main()

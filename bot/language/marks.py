"""A sentence with its names, times and figures marked, and patterns over such a sentence.

Each thing found is replaced by one private character that stands for it, so that the 五 of 五粮液 can no longer be read
as a number and a pattern says ``跌破<price>`` instead of how prices are written. What a pattern has read is claimed;
what nobody claims decides whether the sentence was understood.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from bot.language.moments import Moment, moments
from bot.language.names import Mention, Names
from bot.language.numerals import Figure, figures
from bot.language.words import in_our_words
from core.market import Board, board_of
from core.types import Symbol

LONGEST: Final = 200
"""A request is a sentence. Anything longer is not read."""

CLAIMED: Final = "\uf8ff"
_ROOM: Final = 0x40
_CLASSES: Final = (
    "name",
    "num",
    "yuan",
    "point",
    "pct",
    "tenths",
    "fraction",
    "shares",
    "times",
    "dur",
    "day",
    "at",
    "span",
    "ma",
)
_BASE: Final = {name: 0xE000 + index * _ROOM for index, name in enumerate(_CLASSES)}
_MACROS: Final = {name: f"[{chr(base)}-{chr(base + _ROOM - 1)}]" for name, base in _BASE.items()} | {
    "price": f"[{chr(_BASE['num'])}-{chr(_BASE['point'] + _ROOM - 1)}]",
    "percent": f"[{chr(_BASE['point'])}-{chr(_BASE['tenths'] + _ROOM - 1)}]",
    "gone": CLAIMED,
}
_MACRO: Final = re.compile("(?<!P)<(" + "|".join(_MACROS) + ")>")

_TRADITIONAL: Final = str.maketrans(
    # The characters of names, of the market and of what is said here.
    "丟並亞佈佔併來侖俬倉個們倖倫偉傑備傢傳債僅僑價儀億儘優儲兒兗內兩凈凍凱別刪則剋剛創劃劇劍勁動務勝勞勢勵匯區協卻厤厲參叢叫吳員哪唄唸問啓啟喫喬單喲嗎嗶嘍嘮噹嚮嚴囌國圍園圓圖團圳埰執堅報場塊塚墾壇壓壘壞壯"
    "壺壽夠夢夥夾奧奪奮妝娛婦媒媽嬰學宮寀實寧審寫寬寵寶將專對導屬岡島峽崑崙嶸嶺嶼嶽巖帥師帳帶幀幣幫幹幾庫廂廈廚廠廢廣弔張強彆彈彔彙彥彫彿後從徠復徵徹恆悅愛愷態慘慮慶憑應懞戰戲戶拋捨掃掙掛採揚換損摺撤撫撿擇"
    "擊據擬擱擴擺擾攏攢攪數斃斷於旂昇時晉暉暢暫曆曉曏曠書會朮東條棄棲楊楓業極榦榮構槍樁樂樓標樣樸樹橋機橫檔檢檯檻櫚權欽歐歡歲歷歸殺氣氾汎決沒沖況泝淨淩減測湧湯準溫滄滅滬滯滿漁漢漲潔潛潤潯澤濛濟濤濰濱瀋瀘瀾"
    "灝灣灤為無煉煒煙煩煬熱燁燦燭爍爭爺爾牆狀獅獨獲現琱瑋瑤瑪璉璣環瓊瓏產甦甯畢畫異當療發盃盈盡監盤盪眾瞭矇硃碩確碼礎礦祿禎禦禮稅稟種穀積穎穩穫穿竄競筆箇節範築簡粵糧糰紀約紅紋納紐純紙級紡細紳紹終絃組結絕絡"
    "給絨統絲經綜綠綢維網綵緊線緣編緯緻縮縱縴總績織繩繪繫繼續纍纔纖纜罈罷羅義翫翹聖聞聯聲聽肅脈脩脫腦膠臉臥臨臺與興舉荊莊華菸萊萬葉著葯蓆蓋蓮蔘蕓蕩蕭薦藍藝藥蘆蘇蘋蘭處虛號虧螢蠟術衕衛衝裏補裝裡製複襬覈見規"
    "視親覺覽觀觸訂計訊託記設許訴診註証評詢試詩話該詳誌認誒語誠說誰誼調請論諧諮諾講謝證識譜譯議護譽讀變讓讚豐豬貓貝財貢貨貪責貳貴買費貿賀賃資賓賜賠賢賣質賬賺購賽贊贏贛趕趨跡蹤躍躥車軌軍軒軟軸較載輔輕輛輝輪"
    "輸輻轉辦農迴這連週進遊運過達違遙遜遞遠適遲遷選遼邁還邊郵鄉鄭醣醫針釩鈅鈉鈔鈕鈞鈦鈴鈷鈺鉀鉅鉆鉑鉛鉤鉬鉭銀銅銘銳銷鋁鋅鋒鋪鋮鋯鋰鋼錄錢錦錨錫錯錶鍇鍊鍋鍛鍵鍺鍼鍾鎂鎖鎢鎮鏇鏈鏡鏽鐘鐳鐵鑄鑰鑽長門閃閉開閏閑"
    "閒間閤閥閩閱閾闆關陝陞陣陰陸陽階際隨險隴隻雙雞離雲電霧靈靜鞦韆韋韓韜韻響頁頂項順須頎預頓領頭頻題額類顧顯風颱飄飆飛飯飲飼飾養餘餵馬馳駁駕駛駝駱駿騎騏騰騷驅驕驗驟體髮鬆鬚鬥鬧魚魯鮑鰲鳥鳳鳴鴻鴿鵝鵠鵬鵰鶴"
    "鷂鷗鷹鷺鹹鹼鹽麗麥麴麵麼黃點齊齋齒齡齣龍"
    "兌揀峯撐貶銹斬瞞舖滾燈營緩舊詞誤課隊隱願騙驚尋搶搖枴倆兇喚囉墜簽籤紮蝕衆謂妳姊尅擔槓衹鈎麽撈綫羣説閲鋭祇値牠祂滙麪岀戸擡鬪産録緑査榖徧廻煅爲眞敎叄弍弎牀",
    "丢并亚布占并来仑私仓个们幸伦伟杰备家传债仅侨价仪亿尽优储儿兖内两净冻凯别删则克刚创划剧剑劲动务胜劳势励汇区协却历厉参丛叫吴员哪呗念问启启吃乔单哟吗哔喽唠当向严苏国围园圆图团圳采执坚报场块冢垦坛压垒坏壮"
    "壶寿够梦伙夹奥夺奋妆娱妇媒妈婴学宫采实宁审写宽宠宝将专对导属冈岛峡昆仑嵘岭屿岳岩帅师账带帧币帮干几库厢厦厨厂废广吊张强别弹录汇彦雕佛后从徕复征彻恒悦爱恺态惨虑庆凭应蒙战戏户抛舍扫挣挂采扬换损折撤抚捡择"
    "击据拟搁扩摆扰拢攒搅数毙断于旗升时晋晖畅暂历晓向旷书会术东条弃栖杨枫业极干荣构枪桩乐楼标样朴树桥机横档检台槛榈权钦欧欢岁历归杀气泛泛决没冲况溯净凌减测涌汤准温沧灭沪滞满渔汉涨洁潜润浔泽蒙济涛潍滨沈泸澜"
    "灏湾滦为无炼炜烟烦炀热烨灿烛烁争爷尔墙状狮独获现雕玮瑶玛琏玑环琼珑产苏宁毕画异当疗发杯盈尽监盘荡众了蒙朱硕确码础矿禄祯御礼税禀种谷积颖稳获穿窜竞笔个节范筑简粤粮团纪约红纹纳纽纯纸级纺细绅绍终弦组结绝络"
    "给绒统丝经综绿绸维网彩紧线缘编纬致缩纵纤总绩织绳绘系继续累才纤缆坛罢罗义玩翘圣闻联声听肃脉修脱脑胶脸卧临台与兴举荆庄华烟莱万叶着药席盖莲参芸荡萧荐蓝艺药芦苏苹兰处虚号亏萤蜡术同卫冲里补装里制复摆核见规"
    "视亲觉览观触订计讯托记设许诉诊注证评询试诗话该详志认诶语诚说谁谊调请论谐咨诺讲谢证识谱译议护誉读变让赞丰猪猫贝财贡货贪责贰贵买费贸贺赁资宾赐赔贤卖质账赚购赛赞赢赣赶趋迹踪跃蹿车轨军轩软轴较载辅轻辆辉轮"
    "输辐转办农回这连周进游运过达违遥逊递远适迟迁选辽迈还边邮乡郑糖医针钒钥钠钞钮钧钛铃钴钰钾巨钻铂铅钩钼钽银铜铭锐销铝锌锋铺铖锆锂钢录钱锦锚锡错表锴炼锅锻键锗针钟镁锁钨镇旋链镜锈钟镭铁铸钥钻长门闪闭开闰闲"
    "闲间合阀闽阅阈板关陕升阵阴陆阳阶际随险陇只双鸡离云电雾灵静秋千韦韩韬韵响页顶项顺须颀预顿领头频题额类顾显风台飘飙飞饭饮饲饰养余喂马驰驳驾驶驼骆骏骑骐腾骚驱骄验骤体发松须斗闹鱼鲁鲍鳌鸟凤鸣鸿鸽鹅鹄鹏雕鹤"
    "鹞鸥鹰鹭咸碱盐丽麦曲面么黄点齐斋齿龄出龙"
    "兑拣峰撑贬锈斩瞒铺滚灯营缓旧词误课队隐愿骗惊寻抢摇拐俩凶唤啰坠签签扎蚀众谓你姐克担杠只钩么捞线群说阅锐只值它他汇面出户抬斗产录绿查谷遍回锻为真教叁二三床",
)  # fmt: skip
_TIDY: Final = str.maketrans({"。": ".", "、": "、", "“": "", "”": "", "「": "", "」": "", "『": "", "』": "", "《": "", "》": "",  # noqa: E501 - one list
                              "~": "-", "～": "-", "—": "-", "–": "-", "−": "-", "\u200b": "", "\ufeff": "", "蝕": "蚀", "燈": "灯", "廿": "二十", "卅": "三十", "俩": "两个", "仨": "三个", "¥": "", "￥": ""})  # noqa: E501 - one list  # fmt: skip
_SPACES: Final = re.compile(r"\s+")
_SPACE: Final = re.compile(r"(?<![0-9a-z])\s+|\s+(?![0-9a-z])")


def normal(text: str) -> str:
    """Half-width, simplified, lower case, without spaces between Chinese characters.

    >>> normal("貴州茅臺 跌破１４００，提醒我")
    '贵州茅台跌破1400,提醒我'
    """
    half = unicodedata.normalize("NFKC", text).translate(_TRADITIONAL).translate(_TIDY).lower()
    # A private character of the person's would be taken for one of our marks.
    half = _SPACES.sub(" ", half)
    return _SPACE.sub("", _INITIALS_END.sub(r"\1 ", _PRIVATE.sub("\ufffd", half)))


_INITIALS_END: Final = re.compile(r"(?<![a-z0-9])([a-z]{4,6})(?=\d)(?!macd|boll)")
"""zgpa48: initials end where the price begins."""
_PRIVATE: Final = re.compile("[\ue000-\uf8ff]")


def pattern(written: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Compile a pattern whose ``<price>``, ``<name>`` … stand for marks.

    A group repeats at most eight times. Words in it are often parts of one another, and a text of nothing but such
    words would otherwise be tried in twice as many ways with each of them.
    """
    bounded = written.replace(")*", "){0,8}").replace(")+", "){1,8}")
    return re.compile(_MACRO.sub(lambda macro: _MACROS[macro[1]], bounded), flags)


_ASKED_POLITELY: Final = re.compile(
    "^(?:你好|您好|请问|麻烦问下|,)*(?:你)?(?:是否)?(?:可以|可否|能否|能不能|可不可以|能)(?:请你?)?(?=帮|给|把|让|将|为|替|告诉|在|提醒|设|取消|撤|列|查|看)"
    "(.+?)(?:吗|么|呢|不)?[?]*$"
)
"""可以帮我把…换成邮件吗: a request in the form of a question. An order is not read out of a question all the same."""
_AGREED: Final = re.compile("(?:[,](?:可以|行|好|能|成)|可以|行得通|方便)(?:吗|么|不)[?]*$")
_SLIP: Final = re.compile(
    "|".join(
        f"{before}(?:的?(?:股|手|元|块|钱|个|那个)?)(?:[,.]*(?:哦|噢|呃|啊)?(?:不对|不是(?=[,]?是)|错了|说错了|口误|哦不)|[,.]+不是(?=,))+[,]?(?:应该)?(?:是)?(?={after})"
        for before, after in (
            (_MACROS["name"], _MACROS["name"]),
            (
                f"[{chr(_BASE['num'])}-{chr(_BASE['times'] + _ROOM - 1)}]",
                f"[{chr(_BASE['num'])}-{chr(_BASE['times'] + _ROOM - 1)}]",
            ),
            (_MACROS["ma"], _MACROS["ma"]),
            (_MACROS["dur"], _MACROS["dur"]),
            (_MACROS["day"], f"{_MACROS['day']}|今天|昨天"),
            (r"#\d+", r"#\d+"),
        )
    )
)
"""卖掉五百不对三百股: what is taken back while speaking. Only like is taken back by like."""
_VERB_FIRST: Final = pattern(
    "^(止损|止盈|跌破|跌到|下破|涨破|涨到|突破|上破|站上|低于|高于)(<name>)(?=<price>|<percent>|<ma>)"
)
"""止损 京东方 3.8: the name stands between what belongs together."""


class Marked:
    """A sentence being read.

    Attributes:
        said: as it was before anything in it was marked.
    """

    def __init__(self, text: str, names: Names, now: datetime, preferred: Collection[Symbol] = ()) -> None:
        self.said = text
        self.mentions: dict[str, Mention] = {}
        self.figures: dict[str, Figure] = {}
        self.moments: dict[str, Moment] = {}
        self._used = dict.fromkeys(_CLASSES, 0)
        self.text = self._mark(text, ((m.start, m.end, self._name(m)) for m in names.find(text, preferred)))
        self.text = in_our_words(self.text)
        self.text = self._mark(self.text, ((m.start, m.end, self._moment(m)) for m in moments(self.text, now)))
        self.text = self._mark(self.text, ((f.start, f.end, self._figure(f)) for f in figures(self.text)))
        self.text = _ASKED_POLITELY.sub(r"\1", _SLIP.sub("", self.text))
        self.text = _AGREED.sub("", self.text)
        self.text = _VERB_FIRST.sub(r"\2\1", self.text.replace(" ", ""))
        self.rest = self.text

    def _mark(self, text: str, found: Iterator[tuple[int, int, str]]) -> str:
        parts: list[str] = []
        at = 0
        for start, end, char in found:
            parts += (text[at:start], char)
            at = end
        return "".join((*parts, text[at:]))

    def _char(self, kind: str) -> str:
        used = self._used[kind]
        self._used[kind] = min(used + 1, _ROOM - 1)
        return chr(_BASE[kind] + used)

    def _name(self, mention: Mention) -> str:
        char = self._char("name")
        self.mentions[char] = mention
        return char

    def _moment(self, moment: Moment) -> str:
        char = self._char(moment.kind)
        self.moments[char] = moment
        return char

    def _figure(self, figure: Figure) -> str:
        char = self._char(figure.unit or "num")
        self.figures[char] = figure
        return char

    def claim(self, match: re.Match[str]) -> None:
        """Nobody else may read this part."""
        start, end = match.span()
        self.rest = f"{self.rest[:start]}{CLAIMED * (end - start)}{self.rest[end:]}"

    def take(self, written: re.Pattern[str]) -> re.Match[str] | None:
        """Find a pattern in what is left and claim it."""
        match = written.search(self.rest)
        if match is not None:
            self.claim(match)
        return match

    def take_all(self, written: re.Pattern[str]) -> list[re.Match[str]]:
        """Find a pattern wherever it stands in what is left, and claim it."""
        found = [match for match in written.finditer(self.rest) if match.end() > match.start()]
        for match in found:
            self.claim(match)
        return found

    def is_index(self) -> bool:
        """Whether the sentence names an index, where a point is a level and no percent."""
        return any(board_of(symbol) is Board.INDEX for mention in self.mentions.values() for symbol in mention.symbols)

    @property
    def crowded(self) -> bool:
        """More marks of a kind than there are characters for: no sentence."""
        return any(used >= _ROOM - 1 for used in self._used.values())

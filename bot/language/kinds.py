"""How each kind of condition is said: one row per way of saying it, tried from top to bottom.

To teach a new phrase, add a row (or a word to one of the word lists above the table) and a sentence with what it means
to ``tests/evals/sentences.jsonl``. Rows that are more exact stand above rows that would also match a part of them.
"""

# ruff: noqa: E501 - a way of speaking stays on one line; Chinese counts double
from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from bot.language import building
from bot.language.building import Found
from bot.language.marks import Marked, pattern
from bot.language.request import Draft
from core.types import Symbol

# --- words ---

_ADVERB = "(?:一(?![旦])|重新|再度|成功|终于|慢慢|阴(?=跌)|又|再次?|一旦|突然|如果|要是|只要|万一|快速|直接|有效|真的?|居然|竟然|一路|一口气|猛|狂|大幅|能|往上|往下|向上|向下|进一步|继续)*"
_UP = (
    rf"(?:{_ADVERB}(?:[大暴疯猛狂]涨|狂飙|上[探攻摸]|抬[升高]?|推高|[蹿爬飞跳]升|飙涨|起飞|跳涨?|反抽|炒高?|走强|直冲|拔高?|钻|迈|攻|杀(?=上)|上?涨|升|冲|拉升?|反弹|弹|摸高?|爬|攀升?|[飙飚]升?|拉抬|回升|回涨|站回?|上|走高|摸|打|干|顶|挺|奔|[窜蹿]|(?<!下)突|越|拱|捅|翻|跨|踏|登|飞|见|够|碰)(?:回|到|至|破|过|穿|上|稳|超过?|高到|高过|回到|着)+(?:了|去)?"
    r"|上了?(?=<price>)|(?:有效|放量|向上|一举)?(?<!下)突破了?|[向往朝]上(?:突?破|穿)了?|上[探摸冲](?=<price>)|直奔|占领|上破|上穿|破位上行|收复|(?<!不)(?:高|大|多)(?:于|过)|不低于|不小于|不少于|拿下|夺回|攻克|攻上|攻破|重返|重回|重上|多于|不止|(?<![不要能])超过?了?|超越|(?<![低少小跌])过了?|[>≥]=?|越过|上看)"
)
_DOWN = (
    rf"(?:{_ADVERB}(?:[大暴狂猛]跌|打压|压低?|踩|杀跌|崩盘|闪崩|缩水|腰斩|走弱|摸低|触底|下来|下?跌|掉|降|落|回落|回调|回踩|回撤|下探|回探|探底?|下挫|下滑|滑落?|砸|杀|崩|摔|退|沉|挫|击|坠|扎|滚|掉|栽|溜|插|丢|贬|便宜|打(?=穿|下|落)|捅|跳水|跌落|下|缩|走低|下行|回吐)(?:回|到|至|破|穿|下|落|去|低到|低过|回到|下到|掉|漏)+了?"
    r"|(?:有效|放量|向下)?跌破了?|[向往朝]下(?:突|跌|击)?破了?|(?:打|踩|砸)穿了?|穿破了?|(?:跌得)?[只就]剩下?了?|没?站不?住了?|失守了?|(?:回踩|下探|下摸)(?=<price>)|丢了?(?=<price>)|守不住|没?[守撑扛顶]不?住了?|[跌掉滑落降摔][进入]|跌穿了?|击穿了?|下破|下穿|(?<!不)(?:低|小|少)(?:于|过)|不高于|不大于|不到|不足|不满|未达|跌没了?|[<≤]=?|破位)"
)
_REACH = r"(?:一?到达?了?|到位|达到了?|触及了?|碰到了?|摸到了?|触到|等于|到价|来到了?|回到了?|变成|为|破了?|=|见)"
_PRICE_NOUN = "(?:股?价格?|现价|最新价|价位|点位|指数|收盘价?)?(?:一?旦|如果|要是)?"
_NEAR = "(?:附近|左右|上下|一[线带]|(?:这个?)?(?:支撑|压力|阻力)位?|防线|心理(?:价位|关口)|这?个?坎|这个(?:点|价位)|那个价|大?关口?|整数关口?|整|的?价位|的价格|这个?价格?|位置)?"
_ABOVE_TAIL = "(?:及?以上|上方|之上|往上|朝上)"
_BELOW_TAIL = "(?:及?以下|下方|之下|往下|朝下|以内|里(?!面有))"

_PCT_UP = "(?:涨幅|[上猛大暴狂]?涨|升幅?|拉升|反弹|弹|拉高|冲高|冲|[飙飚]升?|走高|上升|攀升|上冲|[窜蹿]升?|(?:往|向)上(?:再)?(?:涨|走|冲|拉)?|拉|红)"
_PCT_DOWN = "(?:跌幅|[下猛大暴狂急]?跌|回落|回调|下挫|下滑|下探|跳水|走低|走弱|下降|(?<![卖抛减清出割])掉|缩水|杀跌|下杀|砸|杀|崩|挫|溜|摔|滚|缩|扎|往下溜|(?:往|向)下(?:再)?(?:跌|走|掉|砸)?|绿)"
_PCT_EITHER = "(?:涨跌幅?|涨幅?(?:或者?|或是|还是|和|、)下?跌幅?|波动幅?度?|振荡|震荡|上下波动|上下浮动|不管往哪边(?:窜|蹿|走|动)?|往哪边走?|上蹿下跳|上窜下跳|上下|浮动|异动|变动|偏离|动|双向)"
_FAST = "(?:急速?|快速|突然|累计|连续|直线|猛)*"
_FAST_UP = "(?:短线|盘中)?(?:急速?(?:拉升?|上?涨|上?升)|快速(?:拉升?|上?涨|上升)|直线(?:拉升?|上涨)|火箭发射|猛拉)"
_FAST_DOWN = "(?:短线|盘中)?(?:急速?(?:下?跌|跳水)|快速(?:下?跌|下挫)|直线(?:下?跌|跳水)|闪崩)"
_PCT_MUCH = "(?:度)?(?:了|幅|个|上|出|起来|下来|下去)?(?:达到了?|达|超过了?|超出|超|大于|高于|突破|到了?|至|有|过了?|够|满|至少|不低于|[>≥]=?|在|掉|去)?了?"
_PCT_TAIL = "(?:及?以上|及以上|之多|多)?"
_REF = (
    r"(?P<ref>(?:从|打|自|自从|打从)?现在(?:起|开始|的?价格?|这个价)?(?:算起?|开始)?|从?(?:现价|当前价格?|这个价[格位]?|这里|这个位置|当前位置|目前价?格?)(?:起|开始|算起?|往上|往下)*|(?:比|较|相对)(?:现价|现在|当前价?格?|目前)"
    r"|在(?:现价|现在|当前价)(?:的?基础上)?|再|(?:比|较|从|相对|相比|对比)?(?:今天|今日|今)?(?:早上|早盘|早|上午)?的?开盘(?:价格?)?(?:那会|那时候?|那阵|的?时候|时|那一刻)?(?:以?后|以来|起|算起?)?|(?:比|较|从|对比)今开"
    r"|(?:比|较|从|相对|相比|按|跟)?(?:于)?(?:我的?|持仓|持股)?(?:当初|当时|原来)?(?:的)?(?:(?:买入|买进|买|建仓)的?成本|成本|买入|持仓成本|买的|进货|建仓|进)(?:均价|价格?|线|时候?|的时候)?(?:之?上|基础上|算|来算|起)?"
    r"|(?:比|较)我买的?(?:时候?|价格?)?"
    r"|(?:比|较)(?:<day>|昨|前一天|上一交易日)(?:的?收盘价?|收价?|收)?|(?:今天|今日|当天|当日|日内|全天|单日|盘中?)(?:内|里)?)?(?:又|再)?(?:如果|要是|一旦|累计|继续|接着|往上|往下|最多|至少)*"
)
_JOIN = "(?:到|至|-|和|与|跟|、)"
_IN = "(?:进入?到?了?|回到了?|落入|落到|跌入|跌到|涨到|走到|运行到|来到|处于|介于|位于|在|到了?|跌回|涨进|跌进|掉进|落进|落在|掉到|处在|进|站在|回落到|回调到|徘徊在)?"
_WITHIN = "(?:(?:这?个)?框框?(?:之?内|里)?|这?个?(?:箱体|平台|通道)(?:之?内|里)?|(?:这?一?个?|这<num>)(?:档|带|段)(?:位|子)?(?:之?内|里)?|之?间|这?个?的?价?格?区间|这?个?的?范围)(?:之?内|里面?|之?间)?|内|之内|里"
_TWO = rf"(?P<low><price>){_JOIN}(?P<high><price>)"
_DAYS_BARS = "日(?:线|k线?)(?:级别|周期)?(?:上|里)?的?:?"
_BARS_OF = r"(?<!每)(?:在|按|用|看)?(?P<{}><dur>)的?(?:级别|周期|k线|线|图|k)*(?:上|里|中)?的?:?"
_ON_BARS = f"(?:{_BARS_OF.format('p')}|{_DAYS_BARS})?"
_ON_BARS_TOO = f"(?:{_BARS_OF.format('q')}|{_DAYS_BARS})?"
_NAME = (
    rf"{_ON_BARS}(?:(?P<n><num>)[日天期]的?)?(?:触及|碰到?|触碰|突破|跌破|到达?|摸到?|站上|打到|涨到|涨破|上穿|下穿|跌到|触到?|回到|出现|形成|走出|发生)?了?"
    r"(?P<name>macd|kdj|rsi|boll|diff?|布林带?线?|保利加通道|指数平滑|随机指标|相对强弱|(?<![a-z])[jkd]值)"
    r"(?:\(?(?P<o><num>)[日天]?\)?(?=\D))?(?:指标|值|线)*(?:的?diff?(?:值|线)?)?(?:的?(?P<line>[jkd])(?:值|线)?)?(?:指标)?"
    rf"(?:的|出现了?|形成了?|发生了?|产生|走出|来个|,|一旦)*{_ON_BARS_TOO}(?:的|出现了?|形成了?|发生了?|产生|走出|来个|,|一旦)*"
)
_LINE = "(?:警戒线|警戒位|底线|红线|生命线|心理价位?|支撑位?|压力位?|阻力位?|关键位置?|目标价?位?|预警价|提醒价)"
_ALONE = "(?!<price>|<percent>|<ma>|<num>|了|过)"
_COST = "(?:我)?(?:自己|当初|当时|原来|原先)?的?(?:(?:持仓|持股|买入|买进|买|建仓|进货|入手|进场)?的?(?:平均)?成本(?:均价|价格?|线|位)?|(?:买入|买进|持仓|持股|建仓)的?均价|(?:买入|买进|建仓|入手|进场|进货)的?价格?|(?:买|进)的(?:价格?|时候的价格?)|(?<=我)的?进价|保本价)"
_HIGH = "(?:从|打|由|自|离|距|较|比)?(?:我的?)?(?:(?:持有|买入|买进|买了|买|建仓)(?:期间?|之?后|以来|以后)?的?|阶段|盘中|日内|今天|近期|期间)?(?:最高(?:点|价|位|处)?|山顶|顶上|高点|高位|峰值|顶部?|前高)(?:算起?|起|往下|开始|处|位置)*"
_STOP_SET = "[,:]?(?:的)?(?:目标)?(?:价格?|价位|位|线|点位?|幅度?|比例)?[,:]?(?:帮我|给我)?(?:先)?(?:设置?|定|放|改|调|挂|摆)?(?:在|为|到|成|是|:|=|个)*(?:成本的?|亏损?|亏|跌|赚|涨)?(?:到|了|过|破)*"

_BEAT = "(?:[再收又]?创出?下?了?|跌出了?|涨出了?|(?:有效|放量|向上)?突破了?|跌破了?|跌穿了?|涨破了?|升破了?|破了?|刷新了?|站上了?|超过了?|高于|低于|达到了?|到达?了?|触及了?)(?:前面?|前期)?"
_SINCE = "(?:以?来|之?内|里|期)?的?(?:股价)?(?:的)?"
_OPENING = "(?:今天|今日|明天|当天)?的?(?:集合竞价|竞价|开盘)?(?:的?时候?|时)?(?:直接|大幅|跳空|向上|向下|就)*"
_OPENED = "(?:今天|今日)?的?(?:开盘价?|今开)(?:比|较)(?:昨收|昨天收盘价?|前收盘?价?|昨天|<day>(?:的?收盘价?)?)"
_LEVEL = "(?:幅度|金额|比例)?(?:同时)?(?:也|还|又|再)?(?:要|得|必须)?(?:要是|如果|一旦|万一|只要)?(?:扩大|增加|上升|增长)?(?:了)?(?:达到了?|达|超过了?|超出|超|大于|高于|高过|大过|多于|突破|[冲升涨窜蹿飙跳放扩](?:上|到|破|过)|放大到|站上|到了?|至|有|过了?|够|满|破|上|至少|不低于|不小于|[>≥]=?|在|是|为|掉)*了?"
_OVER = "(?:幅度|金额|比例)?(?:要是|如果|一旦|万一|只要)?(?:扩大|增加|上升)?(?:达到了?|达|超过了?|超出|超|大于|高于|多于|突破|到了?|至|过了?|破|不低于|不小于|[>≥]=?)"
_SHRINK = "(?:骤减|锐减|大减|骤降|减少|减小|减弱|减|缩水|缩小|缩减|变少|少|掉|下降|下滑|撤单|撤|流失|降|跌)(?:掉|去)?"
_QUEUE = r"(?P<side>涨停|跌停)?板?上?(?:面)?的?封(?:单|板)(?:资金|金额|量|额|数量)?(?:比(?:今天|今日)?的?最(?:多|大|高)(?:的?时候?)?)?(?:骤|大幅?|快速|突然|急剧?|迅速|明显|被)*"
_WHOLE = "(?:我的?)?(?:账户|账号|总资产|资产|净值|组合|整体|总体|<gone>+)(?:里|的)*(?:总资产|净值|资产)?"
_DAY = "今天|今日|当日|当天|日内|单日"
_TOTAL = "(?P<all>总共?|累计|一共|合计)?的?(?:浮动|账面)?"
_GAIN = "(?:浮盈|盈利|净赚|赚|盈亏|收益率?|获利|利润|进账)(?:额|金额|幅度?)?"
_LOSE = "(?:浮亏|亏损|净亏|亏掉?|赔)(?:额|金额|幅度?)?"

_ROWS: Final[tuple[tuple[str, building.Build], ...]] = (
    # the account falls from its highest; before the share's own trailing stop
    (
        rf"{_WHOLE}(?:从|自|较|距|离)?(?:历史)?(?:最高(?:点|处|位|值)?|高点|峰值)?的?(?:最大)?(?:回撤|回落|回吐)(?:幅度)?{_LEVEL}(?P<v><percent>){_PCT_TAIL}",
        building.drawdown,
    ),
    # trailing stop
    (
        rf"(?:(?:移动|跟踪|追踪|浮动|动态)(?:止损|止盈)[,:的]*)?{_HIGH}(?:回落|回撤|下跌|下滑|回调|跌落?|掉落?|出溜|往下(?:走|掉|出溜|跌)?|下来|回吐|吐回?|折回?|缩水|缩回?|滚|落|低)(?:幅度)?(?:超过|达到|达|到|超|满|掉|下来|下去|来|了|有)*(?P<v><percent>)(?:及?以上)?(?:就?(?:止盈|止损))?",
        building.trailing,
    ),
    (
        r"(?:移动|跟踪|追踪|浮动|动态|跟随|回撤)(?:式)?(?:止损|止盈)(?:线|比例|幅度|位)?(?:设置?|定|为|在|到|成|是|:|个)*(?P<v><percent>)",
        building.trailing,
    ),
    (
        r"(?:移动|跟踪|追踪|浮动|动态)(?:止损|止盈)[,:]?(?:回撤|回落|回吐)(?:幅度)?(?:超过|达到|达|到|超|为|是|在)*(?P<v><percent>)",
        building.trailing,
    ),
    (r"(?P<v><percent>)的?(?:移动|跟踪|追踪|浮动|动态|回撤|跟随)(?:止损|止盈)", building.trailing),
    (
        r"(?:冲高)?(?:回撤|回吐)(?:幅度)?(?:超过|达到|达|到|超)?了?(?P<v><percent>)(?:及?以上)?(?:的?时候?|就|我)*(?:止盈|止损)?",
        building.trailing,
    ),
    (
        r"(?:见顶|冲高|冲上去)(?:之?后|以后|又|再)?(?:回落|掉|跌|回撤)(?:超过|达到|达|到|超)?了?(?P<v><percent>)(?:及?以上)?",
        building.trailing,
    ),
    (r"冲高回落(?:超过|达到|达|到|超)?了?(?P<v><percent>)(?:及?以上)?", building.trailing),
    # speed
    (
        rf"(?P<t><dur>)(?:之?内|以内|里面?|时间内?|(?:的)?[工功]夫)?{_FAST}(?:{_PCT_EITHER}|急?涨急?跌){_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        building.speed("either"),
    ),
    (
        rf"(?P<t><dur>)(?:之?内|以内|里面?|时间内?|(?:的)?[工功]夫)?{_FAST}(?:涨速)?(?:{_PCT_UP}|{_FAST_UP}|拉){_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        building.speed("up"),
    ),
    (
        rf"(?P<t><dur>)(?:之?内|以内|里面?|时间内?|(?:的)?[工功]夫)?{_FAST}(?:{_PCT_DOWN}|{_FAST_DOWN}){_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        building.speed("down"),
    ),
    (rf"(?P<t><dur>)(?:之?内|的)?涨速{_PCT_MUCH}(?P<v><percent>)", building.speed("up")),
    (rf"(?P<t><dur>)(?:之?内|的)?跌速{_PCT_MUCH}(?P<v><percent>)", building.speed("down")),
    (
        rf"{_PCT_EITHER}{_PCT_MUCH}(?P<v><percent>)(?:以上)?[,(]?(?:在)?(?P<t><dur>)(?:之?内|以内)\)?",
        building.speed("either"),
    ),
    (rf"{_PCT_UP}{_PCT_MUCH}(?P<v><percent>)(?:以上)?[,(]?(?:在)?(?P<t><dur>)(?:之?内|以内)\)?", building.speed("up")),
    (
        rf"{_PCT_DOWN}{_PCT_MUCH}(?P<v><percent>)(?:以上)?[,(]?(?:在)?(?P<t><dur>)(?:之?内|以内)\)?",
        building.speed("down"),
    ),
    (rf"{_FAST_UP}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", building.speed("up")),
    (rf"{_FAST_DOWN}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", building.speed("down")),
    # highs and lows of days
    (
        rf"(?:{_BEAT}(?P<m><ma>){_SINCE}|(?P<n><ma>){_SINCE}(?=新|创))(?:创出?下?了?)?(?:新高|最?高[点价位]|最高)了?",
        building.extreme("new_high"),
    ),
    (
        rf"(?:{_BEAT}(?P<m><ma>){_SINCE}|(?P<n><ma>){_SINCE}(?=新|创))(?:创出?下?了?)?(?:新低|最?低[点价位]|最低)了?",
        building.extreme("new_low"),
    ),
    (
        r"(?:股价)?(?:再?创出?下?了?|刷新了?|涨到|涨出|跌到|跌出|站上)?(?:历史|阶段|年内|近期|上市以?来|股价)*的?新高了?|突破(?:历史|阶段|前期)?(?:最高[点价]|前高|高点)",
        building.extreme("new_high"),
    ),
    (
        r"(?:股价)?(?:再?创出?下?了?|刷新了?|涨到|涨出|跌到|跌出|站上)?(?:历史|阶段|年内|近期|上市以?来|股价)*的?新低了?|跌破(?:历史|阶段|前期)?(?:最低[点价]|前低|低点)",
        building.extreme("new_low"),
    ),
    # the open
    (
        rf"{_OPENING}(?:高开|低开)(?:或者?|和|还是|以及)?(?:高开|低开){_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        building.gaps,
    ),
    (rf"{_OPENING}高开(?:幅度)?{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", building.percents("gap_up")),
    (rf"{_OPENING}低开(?:幅度)?{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", building.percents("gap_down")),
    (
        rf"{_OPENED}(?:高出?|涨)(?:了|过|超过|于)*(?P<v><percent>){_PCT_TAIL}",
        building.percents("gap_up"),
    ),
    (
        rf"{_OPENED}(?:低|跌)(?:了|于|过|超过)*(?P<v><percent>){_PCT_TAIL}",
        building.percents("gap_down"),
    ),
    # turnover and amount
    (rf"(?:{_DAY})?的?换手率?{_LEVEL}(?P<v><percent>|<num>){_PCT_TAIL}", building.percents("turnover")),
    (rf"(?:{_DAY})?的?(?:总)?成交(?:金额|总?额){_LEVEL}(?P<v><yuan>|<num>){_PCT_TAIL}", building.amount),
    # the queue at the limit
    (
        rf"{_QUEUE}{_SHRINK}?(?:到|至)(?:只|仅)?(?:剩下?|原来的?|最高的?)*(?:不到|不足)?(?P<left><percent>|一半)",
        building.shrink,
    ),
    (rf"{_QUEUE}(?:只|仅)?(?:剩下?|余|还剩)(?:了|原来的?|不到|不足)*(?P<left><percent>|一半)", building.shrink),
    (rf"{_QUEUE}{_SHRINK}(?:幅度)?(?:了|超过?|达到?|过|掉)*(?P<v><percent>|一半){_PCT_TAIL}", building.shrink),
    (rf"{_QUEUE}(?:骤减|{_SHRINK}半?)了?", building.shrink),
    # the share of the account, and profits in yuan
    (
        rf"(?:的)?(?:在)?(?:我的?)?(?:账户(?:里|中)?的?)?(?:仓位|持仓)?(?:的)?占(?:我的?|账户的?)?(?:总?资产的?|总?仓位的?|账户的?)?(?:比例?|比重)?{_LEVEL}(?P<v><percent>|一半){_PCT_TAIL}",
        building.percents("position_weight"),
    ),
    (
        rf"(?<!总)(?<!账户)(?<!整体)(?:仓位|持仓)(?:比例?|占比|比重)?{_OVER}(?:(?:账户|总资产)的?)?(?P<v><percent>){_PCT_TAIL}",
        building.percents("position_weight"),
    ),
    (
        rf"(?P<day>{_DAY})?(?P<whole>{_WHOLE})?(?P<later>{_DAY})?的?{_TOTAL}{_GAIN}{_LEVEL}(?P<v><percent>|<price>){_PCT_TAIL}",
        building.account("account_profit"),
    ),
    (
        rf"(?P<day>{_DAY})?(?P<whole>{_WHOLE})?(?P<later>{_DAY})?的?{_TOTAL}{_LOSE}{_LEVEL}(?P<v><percent>|<price>){_PCT_TAIL}",
        building.account("account_loss"),
    ),
    (
        rf"(?:(?<=<name>)的?(?:持仓|账面|浮动)的?)?{_GAIN}{_LEVEL}(?P<v><price>){_PCT_TAIL}(?!.{{0,3}}止)",
        building.profit("position_profit"),
    ),
    (
        rf"(?:(?<=<name>)的?(?:持仓|账面|浮动)的?)?{_LOSE}{_LEVEL}(?P<v><price>){_PCT_TAIL}(?!.{{0,3}}止)",
        building.profit("position_loss"),
    ),
    # indicators and averages
    (rf"{_NAME}(?:金叉|黄金交叉|上穿(?:dea|慢线)?(?!<num>))了?", building.indicator("golden_cross")),
    (rf"{_NAME}(?:死叉|死亡交叉|下穿(?:dea|慢线)?(?!<num>))了?", building.indicator("dead_cross")),
    (
        rf"{_NAME}(?:触及|碰到?|触碰|突破|到达?|摸到?|站上|打到|涨到|涨破|上穿|触到?)?了?(?:布林带?)?的?上(?:轨|沿|限)道?",
        building.indicator("touch_upper"),
    ),
    (
        rf"{_NAME}(?:触及|碰到?|触碰|跌破|到达?|摸到?|跌到|打到|下穿|触到?)?了?(?:布林带?)?的?下(?:轨|沿|限)道?",
        building.indicator("touch_lower"),
    ),
    (
        rf"{_ON_BARS}(?:触及|碰到?|触碰|突破|到达?|摸到?|站上|打到|涨到|涨破|上穿|触到?)了?(?P<name>boll|布林带?线?)的?上(?:轨|沿)",
        building.indicator("touch_upper"),
    ),
    (
        rf"{_ON_BARS}(?:触及|碰到?|触碰|跌破|到达?|摸到?|跌到|打到|下穿|触到?)了?(?P<name>boll|布林带?线?)的?下(?:轨|沿)",
        building.indicator("touch_lower"),
    ),
    (rf"{_NAME}{_UP}(?P<v><num>)(?:及?以上)?", building.indicator("above")),
    (rf"{_NAME}{_DOWN}(?P<v><num>)(?:及?以下)?", building.indicator("below")),
    (
        rf"{_ON_BARS}(?P<a><ma>)(?:和|与|跟|向上)?(?:上穿|上破|突破|站上|超过|金叉|涨破|涨过|涨穿|升穿|升破|冲破|冲上|穿上|站到)了?(?P<b><ma>)",
        building.averages("up"),
    ),
    (
        rf"{_ON_BARS}(?P<a><ma>)(?:和|与|跟|向下)?(?:下穿|跌破|下破|死叉|跌穿|跌落|跌下|击穿|失守|掉破|穿破)了?(?P<b><ma>)",
        building.averages("down"),
    ),
    (
        rf"{_ON_BARS}(?P<a><ma>|<num>(?=[日天/、]))[日天]?(?:和|与|跟|、|/)?(?P<b><ma>)(?:出现|形成|发生)?(?:金叉|黄金交叉)",
        building.averages("up"),
    ),
    (
        rf"{_ON_BARS}(?P<a><ma>|<num>(?=[日天/、]))[日天]?(?:和|与|跟|、|/)?(?P<b><ma>)(?:出现|形成|发生)?(?:死叉|死亡交叉)",
        building.averages("down"),
    ),
    (
        rf"{_ON_BARS}(?P<a><ma>)(?:掉头|拐头|向下|往下|一头)?(?:掉|跌|落|走|扎|滑|沉|压)(?:到|在|至|进)?(?P<b><ma>)(?:的)?(?:以下|底下|下头|下面|下方|之下)了?",
        building.averages("down"),
    ),
    (
        rf"{_ON_BARS}(?P<a><ma>)(?:掉头|拐头|向上|往上|一头)?(?:涨|升|冲|走|跑|翘|窜|蹿)(?:到|在|至)?(?P<b><ma>)(?:的)?(?:以上|上头|上面|上方|之上)了?",
        building.averages("up"),
    ),
    (
        rf"{_ON_BARS}(?:跌破|跌穿|失守|下穿|击穿|掉到|低于)了?(?P<a><ma>)(?:或者?|、|和|或是)(?P<b><ma>)",
        building.either_average("down"),
    ),
    (
        rf"{_ON_BARS}(?:站回?上|突破|上穿|站稳|收复|涨破|高于)了?(?P<a><ma>)(?:或者?|、|和|或是)(?P<b><ma>)",
        building.either_average("up"),
    ),
    # volume
    (
        rf"量比(?:值)?[,]?{_LEVEL}(?P<v><num>|<times>|<point>)(?:以上|倍)?",
        building.volume,
    ),
    (
        rf"(?:成交量?|量能|交易量|量)(?:放大|放|冲|增|翻)*(?:到)?{_LEVEL}(?P<m><ma>)(?:成交量|均量)?的?(?P<v><times>|<num>)(?:以上)?",
        building.volume,
    ),
    (
        r"(?:成交量|量能|交易量)(?:突然|明显)?(?:放大|超过|达到|放出|翻|到|增加|放|是)*了?(?:是|到|有)?(?:平时|平均|前一天|昨天|<day>|均量|往常|平常|往日)?的?(?P<v><times>)(?:以上)?",
        building.volume,
    ),
    (
        r"(?:突然)?放(?:巨|大|天)?量(?:超过|达到|到|至|上涨|上攻|下跌)?了?(?:平时|<ma>)?的?(?P<v><times>)(?:以上)?",
        building.volume,
    ),
    (
        r"(?:成交量|量能|交易量)(?:超过|大于|放大到|突破)(?P<m><ma>)",
        lambda hit: (Draft(kind="volume_ratio", base_days=hit.seconds("m")),),
    ),
    (r"(?:成交量|量能)(?:翻倍|翻番|翻一番|放大一倍|增加一倍)", building.double_volume),
    (r"(?P<v><times>)的?(?:放量|量能?)(?!比)", building.volume),
    (r"放(?:出)?(?P<v><times>)的?量", building.volume),
    (r"(?:突然|明显|异常)?(?:成交量|量能|成交)(?:激增|突增|暴增|暴涨|异常|爆了?|上来)了?|天量", building.volume),
    (r"(?:突然|明显)?(?:带量|放(?:出)?(?:巨|大|天)?量|成交量?(?:突然|明显)?放大|量能放大|爆量|巨量)", building.volume),
    (
        rf"{_ON_BARS}(?:跌破|跌穿|失守|下穿|击穿|丢了?|掉到?|(?<!突)破|跌到|跌回|回踩|失去|低于|跌下|回落到|下破|跌落)了?{_ON_BARS_TOO}(?P<m><ma>)(?:以下|下方|下面|之下)?",
        building.average("down"),
    ),
    (
        rf"{_ON_BARS}(?:(?:[涨升冲弹爬站拉]|反弹|回升)(?:回|上|到|至|稳|破|过)+|翻[上过]|拿下|重上|重回|重返|站回?上|突破|上穿|站稳|收复|涨破|升破|重返|重新站上|涨到|涨过|上破|升穿|冲上|回到|站到|高于|越过|过)了?{_ON_BARS_TOO}(?P<m><ma>)(?:以上|上方|上面|之上)?",
        building.average("up"),
    ),
    (rf"{_ON_BARS}(?:穿越|穿过|触及|碰到|摸到|到达?|穿)了?{_ON_BARS_TOO}(?P<m><ma>)", building.average("either")),
    (
        rf"{_ON_BARS}(?:连)?(?P<m><ma>)(?:都)?(?:一)?(?:被)?(?:跌破|击穿|失守|守不住|没守住|丢|破|跌穿)了?",
        building.average("down"),
    ),
    (rf"{_ON_BARS}(?:连)?(?P<m><ma>)(?:都)?(?:一)?(?:被)?(?:突破|站上|站稳|收复|拿下|上穿)了?", building.average("up")),
    # range
    (
        rf"一?(?:跌出|离开|脱离|超出|走出|跳出|跑出|冲出|掉出|越出|溢出|不在|突破|出了?|超过)了?{_TWO}(?:{_WITHIN}|元)*",
        building.leave,
    ),
    (rf"{_PRICE_NOUN}{_IN}{_TWO}(?:{_WITHIN})", building.price_range),
    (
        rf"(?:进入?到?了?|回到了?|落入|落到|跌入|处于|介于|位于|在|运行到|回落到|跌进)(?:价格)?(?:区间)?{_TWO}",
        building.price_range,
    ),
    (rf"(?:价格)?区间:?{_TWO}", building.price_range),
    # limit up and down
    (r"涨跌停板?了?", building.any_limit),
    (
        r"(?:封(?:着|住|死)?的?)?涨停(?:那|这)?个?的?板?(?:被|又|一旦|一|要是|如果|松动|松了|只要|给我)*(?:打开|开板|开了|炸了?板?|破了?|松动|松了|撬开|掀开|没封住|封不住|砸开|破板|不封)了?|(?<!停)板(?:炸|开)了|(?<!跌停)破板了?|烂板了?|炸板了?|开板了?|(?:打开|撬开|炸开)涨停板?",
        building.limit("limit_up", "open"),
    ),
    (
        r"跌停板?(?:被|又|一旦|一|要是|如果|松动|松了|只要|给我)*(?:打开|开板|开了|撬开?板?|破了?|松动|松了|掀开|翘开|翘板)了?|[撬翘]板了?|(?:打开|撬开?|翘开?)跌停板?|跌停有人接",
        building.limit("limit_down", "open"),
    ),
    (
        r"(?:开盘)?(?:就|直接)?(?:一字|顶格|触及|封住?死?|打到|碰到?|摸到?|达到|到|冲击?|冲上|涨到|拉到?|干到?|顶到?|奔|秒|封上|触到?|上|一)?了?(?:个)?涨停板?(?!价|板)(?:封住|封死|封板)?了?",
        building.limit("limit_up", "hit"),
    ),
    (r"(?:触及|打到|碰到|摸到|达到|到|涨到)了?涨停价", building.limit("limit_up", "hit")),
    (r"(?:触及|打到|碰到|摸到|达到|到|跌到)了?跌停价", building.limit("limit_down", "hit")),
    (r"(?:封|冲|触|上|打|摸|秒|顶|拉|到|一字)板了?(?![块凳])", building.limit("limit_up", "hit")),
    (
        r"(?:一字|触及|封住?死?|按在?|躺平?|吃|摔|砸|打到|碰到?|摸到?|达到|到|砸到|跌到|封上|触到?|上)?了?跌停板?(?!价|板)(?:封住|封死)?了?",
        building.limit("limit_down", "hit"),
    ),
    # the average cost
    (
        rf"(?:跌破|低于|跌到|跌回到?|失守|跌穿|掉到|掉回|回落到|跌下|破|掉下|跌至|击穿)了?{_COST}(?P<v><pct>|<tenths>)",
        building.percent("down", "cost"),
    ),
    (rf"(?:涨过|高于|超过|突破|高出|涨破|超出){_COST}(?P<v><pct>|<tenths>)", building.percent("up", "cost")),
    (rf"{_COST}(?:价)?(?:下方|以下|之下|下面)(?P<v><pct>|<tenths>)", building.percent("down", "cost")),
    (rf"{_COST}(?:价)?(?:上方|以上|之上|上面)(?P<v><pct>|<tenths>)", building.percent("up", "cost")),
    (
        rf"(?:跌破|低于|跌到|跌回到?|失守|跌穿|掉到|[掉摔滑落缩退]回到?|回落到|跌下|破|掉下|跌至|击穿|{_DOWN})了?{_COST}(?:及?以下|下方|里)?了?(?!<percent>)",
        building.at_cost("price_below"),
    ),
    (
        rf"(?:回到|涨回到?|涨到|涨过|高于|突破|站上|超过|反弹到|回升到|升到|到|涨破|达到|站回|{_UP}){_COST}(?:及?以上|上方)?了?(?!<percent>)",
        building.at_cost("price_above"),
    ),
    (
        r"(?:一|能|又|刚|开始)*(?:转盈|由亏转盈|够本|平本|捞回本|爬?出坑|变?赚钱(?=了?[,]?(?:就|再|马上|请|给我|跟我)*(?:提醒|通知|告诉|喊|叫|说|报))|回本|解套|打平|保本(?!价)|不亏|扭亏(?:为盈)?|扳平|翻本)了?",
        building.at_cost("price_above"),
    ),
    (
        r"(?:一|又|刚|开始)*(?:被?套[住牢]?|被套|亏本|亏钱|浮亏|转亏|由[盈赚]转亏|变亏)了?(?=[,]?(?:就|再|马上|请|给我|跟我|的?话|的时候)*(?:提醒|通知|告诉|喊|叫|说|报))",
        building.at_cost("price_below"),
    ),
    (rf"(?:在|掉在|处于){_COST}(?:及?以下|下方|之下)(?!<percent>)", building.at_cost("price_below")),
    (rf"比{_COST}(?:还)?(?:低|便宜)(?!了?<percent>)", building.at_cost("price_below")),
    (rf"比{_COST}(?:还)?(?:高|贵)(?!出?了?<percent>)", building.at_cost("price_above")),
    # stop-loss and take-profit
    (
        rf"{_REF}(?:跌|亏损?|浮亏|下跌|回撤|跌幅|亏掉)(?:了|到|破|超过|达到|达|至)*(?P<v><percent>|<price>)(?:以上|元)?(?:的话|时候?|,|我|帮我|给我)*(?:就|自动)?(?:割肉)?止损(?!卖|清|离|出|就?走)",
        building.exit_at("stop_loss"),
    ),
    (
        rf"{_REF}(?:涨|赚|盈利|浮盈|上涨|收益|涨幅|获利|升)(?:了|到|破|超过|达到|达|至|够)*(?P<v><percent>|<price>)(?:以上|元)?(?:的话|时候?|,|我|帮我|给我)*(?:就|自动)?止盈(?!卖|清|离|出|就?走)",
        building.exit_at("take_profit"),
    ),
    (
        r"(?:亏损?|跌)(?:到|了)?(?P<v><percent>|<price>)(?:算|是|为|当|作为|就是|设为)+止损(?:线|位|点)?",
        building.exit_at("stop_loss"),
    ),
    (
        r"(?:赚|涨|盈利)(?:到|了)?(?P<v><percent>|<price>)(?:算|是|为|当|作为|就是|设为)+止盈(?:线|位|点)?",
        building.exit_at("take_profit"),
    ),
    (rf"止损{_STOP_SET}(?P<v><percent>|<price>)", building.exit_at("stop_loss")),
    (rf"止盈{_STOP_SET}(?P<v><percent>|<price>)", building.exit_at("take_profit")),
    (
        r"(?:<gone>)?(?:到|在|跌到|跌破|亏|破|按)?(?P<v><percent>|<price>)(?:的|就|时|处|,)*(?:我)?(?:要)?止损(?:价|位|线|点)?(?!卖|清|离|出)",
        building.exit_at("stop_loss"),
    ),
    (
        r"(?:到|在|涨到|涨破|赚|涨|按)?(?P<v><percent>|<price>)(?:的|就|时|处|,)*(?:我)?(?:要)?止盈(?:价|位|线|点)?(?!卖|清|离|出)",
        building.exit_at("take_profit"),
    ),
    # profit and loss of the position
    (
        rf"{_REF}(?:涨|升|赚|翻|高)?(?:到|了|出)?(?:(?P<v><times>)|翻倍|翻番|翻一番)了?",
        building.doubled,
    ),
    (
        r"(?:我)?(?:最多|只能|只肯|只愿意?)(?:能|肯|愿意|可以|想)?(?:扛|亏|承受|接受|忍受?|赔|容忍)(?:得起)?(?P<v><percent>)的?(?:亏损?|浮亏|损失|跌幅)?(?!仓)",
        building.exit_at("stop_loss"),
    ),
    (
        rf"(?:(?:比|较|按|从|对比|相比|相对于?)?{_COST})?(?:浮?亏损?|浮亏|亏掉|套[牢我]?|赔)(?:幅度?|比例)?(?:了|到|超过?|达到?|够|满|掉|大于|在|有|[>≥]=?)*(?P<v><percent>)(?:及?以上)?",
        building.percent("down", "cost"),
    ),
    (
        rf"(?:(?:比|较|按|从|对比|相比|相对于?)?{_COST})?(?:浮?赚|盈利|浮盈|收益率?|获利|盈|利润)(?:幅度?|比例)?(?:了|到|超过?|达到?|够|满|大于|在|有|[>≥]=?)*(?P<v><percent>)(?:及?以上)?",
        building.percent("up", "cost"),
    ),
    # percent
    (
        rf"(?:不管|无论|不论|甭管|别管)(?:是)?(?:[上往]?涨(?:还是|或者?|和|与|、)?[下往]?跌|上下|方向|哪边)(?:都|,|只要|要是|幅度?|有|一旦)*(?:{_PCT_EITHER})?{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        building.percent_either,
    ),
    (
        rf"{_REF}{_PCT_EITHER}{_PCT_MUCH}(?P<v><pct>){_PCT_TAIL}",
        lambda hit: building.signed_percent(hit) or building.percent_either(hit),
    ),
    (rf"{_REF}{_PCT_EITHER}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", building.percent_either),
    (rf"{_REF}(?P<sign>[+±])?(?P<v><pct>)(?!<pct>)", building.signed),
    (r"(?:往|向)上再(?:走|涨|冲|拉)?(?P<v><percent>)", building.percent("up", "last")),
    (r"(?:往|向)下再(?:走|跌|掉|砸)?(?P<v><percent>)", building.percent("down", "last")),
    (rf"{_REF}(?:有)?(?:<gone>)?{_PCT_UP}{_PCT_MUCH}<gone>{{0,6}}(?P<v><percent>){_PCT_TAIL}", building.percent("up")),
    (
        rf"{_REF}(?:有)?(?:<gone>)?{_PCT_DOWN}{_PCT_MUCH}<gone>{{0,6}}(?P<v><percent>){_PCT_TAIL}",
        building.percent("down"),
    ),
    (
        rf"{_REF}(?:高|厚|贵|上涨|高出|多出|高了|超出|超过|高于|溢价|赚)了?(?P<v><pct>|<tenths>)(?:以上)?",
        building.percent("up"),
    ),
    (rf"{_REF}(?:低|便宜|低了|低于|折价|少)了?(?P<v><pct>|<tenths>)(?:以上)?", building.percent("down")),
    # price
    (
        rf"{_LINE}(?:是|为|在|设在|定在|设为|:)*(?P<v><price>)[,]?(?:跌破|下破|破|失守|守不住|击穿|掉下|跌到|低于)了?{_ALONE}",
        building.price("down"),
    ),
    (
        rf"{_LINE}(?:是|为|在|设在|定在|设为|:)*(?P<v><price>)[,]?(?:涨破|突破|站上|涨到|冲上|冲破|升破|高于)了?{_ALONE}",
        building.price("up"),
    ),
    (
        rf"(?P<v><price>)是(?:我的?)?{_LINE}[,]?(?:跌破|下破|破|失守|守不住|击穿|掉下|跌到)了?{_ALONE}",
        building.price("down"),
    ),
    (rf"(?P<v><price>)是(?:我的?)?{_LINE}[,]?(?:涨破|突破|站上|涨到|冲上|冲破|升破)了?{_ALONE}", building.price("up")),
    (
        r"把(?P<v><price>)(?:设为|设成|作为|当作|当成|定为)(?:<name>)?的?(?:提醒价|目标价|预警价)(?:格)?",
        building.price("reach"),
    ),
    (
        rf"(?:连)?(?P<v><price>)(?:这?[道个条]?(?:位置|价位?|整数关口?|大?关口?|坎|线|支撑位?|压力位?|阻力位?|防线|心理价位)|这个?)?[,]?(?:被|给)?(?:都|也)?一?(?:(?<=都)(?:不到|没了|不保|保不住)|(?<=也)(?:不到|没了)|下破|(?:向下)?跌破|向下|跌穿|打穿|失守|守不住|没守住|撑不住|没撑住|扛不住|顶不住|丢|击穿|砸穿)了?{_ALONE}",
        building.price("down"),
    ),
    (
        rf"(?P<v><price>)(?:这?[道个条]?(?:位置|价位?|整数关口?|大?关口?|坎|线|支撑位?|压力位?|阻力位?|防线|心理价位)|这个?)?[,]?(?:被|给)?一?(?:上破|(?:向上)?突破|涨破|向上|站上|站稳|拿下|冲破|攻破)了?{_ALONE}",
        building.price("up"),
    ),
    (r"(?P<v><price>)整?(?:到位|到价|到点)了?", building.price("reach")),
    (rf"(?P<v><price>)(?:这个?(?:位置|价位?|关口?))?[,]?整?(?:一?破|到|到位|到价)了{_ALONE}", building.price("reach")),
    (r"(?:涨破|涨到|突破|上破|站上)的?(?:价格?)?(?:应该)?是(?P<v><price>)", building.price("up")),
    (r"(?:跌破|跌到|下破)的?(?:价格?)?(?:应该)?是(?P<v><price>)", building.price("down")),
    (r"(?P<v><price>)的?(?:上涨|涨破|突破|上破|向上)(?:价格?)?(?:的)?(?=提醒|预警|通知|报警)", building.price("up")),
    (r"(?P<v><price>)的?(?:下跌|跌破|下破|向下)(?:价格?)?(?:的)?(?=提醒|预警|通知|报警)", building.price("down")),
    (rf"{_PRICE_NOUN}{_UP}(?P<v><price>|<pct>)(?:{_ABOVE_TAIL}|{_NEAR})", building.price("up")),
    (rf"{_PRICE_NOUN}{_DOWN}(?P<v><price>|<pct>)(?:{_BELOW_TAIL}|{_NEAR})", building.price("down")),
    (rf"{_PRICE_NOUN}(?:在|到|回到|升到|回升到|处于|位于|保持在)?(?P<v><price>){_ABOVE_TAIL}", building.price("up")),
    (rf"{_PRICE_NOUN}(?:在|到|回到|降到|回落到|处于|位于)?(?P<v><price>){_BELOW_TAIL}", building.price("down")),
    (r"(?:上?涨|升)了?(?P<v><num>)(?!<price>)", building.bare_move("up")),
    (r"(?:下?跌|(?<![卖抛减清出])掉)了?(?P<v><num>)(?!<price>)", building.bare_move("down")),
    (rf"{_PRICE_NOUN}{_REACH}(?P<v><price>){_NEAR}", building.price("reach")),
    (r"(?P<v><price>)(?:的时候|的话|时)(?=[^,.]{0,6}(?:卖|买|清仓|抛|加仓|减仓|补仓))", building.price("reach")),
)
TABLE: Final = tuple((pattern(written), build) for written, build in _ROWS)

# A condition is only possible where one of these stands; anything else skips the table.
_ANY: Final = pattern(
    "<price>|<percent>|<times>|<ma>|新高|新低|前高|前低|高点|低点|最高|最低|封单|封板|一半|dea|叉|轨|停|[封炸开撬翘冲触上打摸秒顶拉到字破烂]板|板[炸开]|成本|买入价|回本|解套|打平|保本|放.{0,2}量|放大|爆量|巨量|天量|激增|突增|暴增|异常|翻倍|翻番|不亏|扭亏|扳平|翻本|被套|套[住牢]|亏本|亏钱|浮亏|转亏|变亏|转盈|够本|平本|赚钱|出坑|均价|进价|买的|保本"
)

BARE_PRICE: Final = pattern("(?P<v><price>)(?:的时候|时|左右)?")
"""``茅台1500提醒我``: read last, and only where somebody asks to be told."""

_FALLS_UNDER = "(?:有效|放量|向下)?(?:跌破|失守|跌穿|击穿|下破|下穿|跌到)"
_RISES_OVER = "(?:有效|放量|向上|一举)?(?:站上|站稳|站回|突破|涨破|上破|上穿|升破|涨到)"
UNSAID: Final = (
    (pattern(f"{_ON_BARS}(?:出现|形成|发生)?了?(?:金叉|黄金交叉)(?:了|的时候)?"), building.unsaid_name("golden_cross")),
    (pattern(f"{_ON_BARS}(?:出现|形成|发生)?了?(?:死叉|死亡交叉)(?:了|的时候)?"), building.unsaid_name("dead_cross")),
    (pattern(f"{_FALLS_UNDER}(?:了|的时候)?"), building.unsaid_move("price_below")),
    (pattern(f"{_RISES_OVER}(?:了|的时候)?"), building.unsaid_move("price_above")),
    (pattern("(?:今天|明天)?(?:开盘)?(?:跳空|大幅)?高开(?:了|的时候)?"), building.unsaid_move("gap_up")),
    (pattern("(?:今天|明天)?(?:开盘)?(?:跳空|大幅)?低开(?:了|的时候)?"), building.unsaid_move("gap_down")),
    (pattern(f"{_FAST_UP}(?:了|的时候)?"), lambda _hit: (Draft(kind="speed", direction="up"),)),
    (pattern(f"{_FAST_DOWN}(?:了|的时候)?"), lambda _hit: (Draft(kind="speed", direction="down"),)),
    (pattern("止损(?:价|位|线)?"), building.unsaid_move("stop_loss")),
    (pattern("止盈(?:价|位|线)?"), building.unsaid_move("take_profit")),
    (
        pattern("(?:今天)?(?:大|暴|急|猛)?(?:上涨|涨)(?:了|的时候|起来|太多|多了|太猛|很多|得厉害)*"),
        building.unsaid_move("pct_up"),
    ),
    (
        pattern("(?:今天)?(?:大|暴|急|猛)?(?:下跌|跌)(?:了|的时候|下去|太多|多了|太猛|很多|得厉害)*"),
        building.unsaid_move("pct_down"),
    ),
)
"""A direction without its number, a crossing without its indicator."""
HALF_SAID: Final = pattern(f"(?:{_FALLS_UNDER}|{_RISES_OVER}|金叉|黄金交叉|死叉|死亡交叉)$")
"""茅台跌破: the end of what was to be said is missing."""


def conditions(sentence: Marked) -> list[Found]:
    """Read and claim every condition of a sentence, in the order of the text."""
    found: list[Found] = []
    if _ANY.search(sentence.rest) is None:
        return found
    for written, build in TABLE:
        for match in list(written.finditer(sentence.rest)):
            drafts = build(building.Hit(match, sentence))
            if drafts:
                sentence.claim(match)
                found.append(Found(match.start(), match.end(), drafts))
    return _on_bars(sentence, sorted(found)) if _APART.search(sentence.rest) else sorted(found)


_APART: Final = pattern(r"(?<!每)(?:用|按|在|看|以)?(?P<p><dur>)的?(?:级别|周期|k线|线|图)+(?:上|看|里)*")


def _on_bars(sentence: Marked, found: list[Found]) -> list[Found]:
    """用30分钟K线看茅台跌破10均线: the bars stand apart from what is judged on them."""
    match = _APART.search(sentence.rest)
    period = building.Hit(match, sentence).period() if match is not None else False
    fitting = [draft.kind in _ON_BARS_KINDS and draft.period is None for one in found for draft in one.drafts]
    if match is None or not period or not fitting or not all(fitting):
        return found
    sentence.claim(match)
    return [
        one._replace(drafts=tuple(draft.model_copy(update={"period": period}) for draft in one.drafts)) for one in found
    ]


_ON_BARS_KINDS: Final = frozenset({"ma_cross", "indicator"})


def bare_price(sentence: Marked) -> list[Found]:
    """A price that nothing was said about: it is to be reached."""
    found = []
    for match in sentence.take_all(BARE_PRICE):
        value = sentence.figures[match["v"]].value
        found.append(Found(match.start(), match.end(), (Draft(kind="price_reach", value=value, unit="yuan"),)))
    return found


def unsaid(sentence: Marked) -> list[Found]:
    """A direction whose number is missing."""
    for written, build in UNSAID:
        match = written.search(sentence.rest)
        if match is not None:
            sentence.claim(match)
            drafts = build(building.Hit(match, sentence))
            return [Found(match.start(), match.end(), drafts or ())]
    return []


def sided(draft: Draft, symbols: tuple[Symbol, ...], last: Mapping[Symbol, Decimal]) -> Draft:
    """Give 到 X its side where the last price says from where the price must come."""
    if draft.kind != "price_reach" or draft.value is None or len(symbols) != 1 or symbols[0] not in last:
        return draft
    above = draft.value > last[symbols[0]]
    return draft.model_copy(update={"kind": "price_above" if above else "price_below"})

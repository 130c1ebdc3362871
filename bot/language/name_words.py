"""Words that are names and something else besides, and words that name what is not listed here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from core.types import Symbol


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


# Names of securities that are ordinary words. They count at the start of a clause, after a verb of ours, or when the
# person watches or holds them; so do short forms that nobody has looked at.
ORDINARY: Final = _words(
    "机器人 太阳能 农产品 老百姓 太平洋 大西洋 新华网 人民网 指南针 大智慧 小商品城 完美世界 同花顺 深科技"
    " 移动 电信 民生 春秋 新希望 中铁 海控 芒果 东方明珠 王府井 白云山 长白山 峨眉山 会稽山 张家界 中关村"
    " 连云港 陆家嘴 徐家汇 外高桥 金融街 北大荒 天津港 青岛港 广州港 南京港 宁波港 盐田港 日照港 唐山港"
    " 珠海港 重庆港 向日葵 一品红 百合花 黑牡丹 红蜻蜓 万年青 黑芝麻 葫芦娃 红太阳 金太阳 新世界 新大陆"
    " 新天地 新时达 新里程 新产业 新坐标 新城市 新动力 新经典 新风光 新大洲 新凤鸣 驱动力 动力源 数字人"
    " 数据港 电子城 电科院 建科院 生物谷 创世纪 南极光 两面针 三人行 三棵树 七匹狼 阿拉丁 孩子王 火星人"
    " 探路者 漫步者 报喜鸟 好想你 好上好 好当家 好太太 全新好 家家悦 欢乐家 香飘飘 值得买 生意宝 倍轻松"
    " 能之光 远望谷 天有为 大东方 大名城 大胜达 大地熊 中远通 日月明 夜光明 道道全 美之高 山外山 天地源"
    " 天下秀 国货航 实益达 健康元 同益中 通行宝 有棵树 跨境通 药易购 金橙子 金银河 金现代 金三江 兔宝宝"
    " 汤姆猫 海洋王 蒙娜丽莎 珍宝岛 首都在线 我爱我家 视觉中国 居然智家 快意电梯 证券公司 榨菜 重庆路桥"
    " 中国电影 上海电影 行动教育 第一医药 美好医疗 智能自控 创新医疗 开发科技 读者传媒 国际医学 国际实业"
    " 国际复材 现代投资 合金投资 胜利股份 高新发展 湖南发展 湖南投资 智慧农业 大众交通 大众公用 南京公用"
    " 中山公用 友好集团 共同药业 未来电器 今天国际"
)
# Where the same characters say something else.
NOT_HERE: Final = {
    "移动": re.compile("移动(?:止|平均|均线)"),
    "三一": re.compile("[周期拜]三一"),
    "今天国际": re.compile("今天国际[油金银原局形贸市社上大舆]"),
    "值得买": re.compile("[还才不更也]值得买"),
}
# One word for several: each of them is meant.
TOGETHER: Final[Mapping[str, tuple[Symbol, ...]]] = {
    word: tuple(map(Symbol, symbols.split()))
    for word, symbols in {
        "两桶油": "601857.SH 600028.SH",
        "三桶油": "601857.SH 600028.SH 600938.SH",
        "四大行": "601398.SH 601288.SH 601988.SH 601939.SH",
        "四大银行": "601398.SH 601288.SH 601988.SH 601939.SH",
        "五大行": "601398.SH 601288.SH 601988.SH 601939.SH 601328.SH",
        "六大行": "601398.SH 601288.SH 601988.SH 601939.SH 601328.SH 601658.SH",
        "三大运营商": "600941.SH 601728.SH 600050.SH",
        "易中天": "300502.SZ 300308.SZ 300394.SZ",
        "纪联海": "688256.SH 601138.SH 688041.SH",
    }.items()
}

# Well-known companies that are listed elsewhere or nowhere. They are named back, never matched to something similar.
ELSEWHERE: Final = _words(
    "腾讯控股 腾讯 阿里巴巴 阿里 苹果 特斯拉 英伟达 微软 谷歌 亚马逊 美团 小米集团 小米 京东 百度 网易"
    " 拼多多 快手 台积电 奈飞 脸书 高通 英特尔 甲骨文 哔哩哔哩 蔚来 小鹏汽车 小鹏 理想汽车 零跑汽车 港交所"
    " 泡泡玛特 星巴克 可口可乐 波音 辉瑞 礼来 伯克希尔 恒大 中国恒大 碧桂园 融创 比特币 以太坊 狗狗币"
    " 贵州茅台b tesla apple nvidia tencent alibaba tsla aapl nvda btc eth bitcoin 华为 大疆 字节跳动 吉利汽车"
    " 联想集团 农夫山泉 安踏体育 海底捞 蜜雪冰城 老铺黄金 瑞幸 携程 新东方 博通公司 美光 沃尔玛 迪士尼 麦当劳"
    " 纳斯达克 道琼斯 标普500 恒生指数 恒指 恒生科技"
)

# Latin words of the domain or of every day that are not initials of a name.
LATIN: Final = _words(
    "macd kdj rsi boll etf lof ma ema vol atr dif dea buy sell stop help list ok yes no the and for all any"
    " are ask bid but can day did end far few get got had has her him his how its let low may new not now off"
    " old one our out own per put run say see she set sir six ten too top try two use via was way who why win"
    " yet you also back been both call came come cost does done down drop each even ever fall from full gain"
    " give goes good half have hear here high hold how info into just keep kill know last less like line long"
    " look loss made make many mean more most move much must name near need next news none once only open"
    " over paid pay plan plus pull push rate read real rise risk said same save says self send show side size"
    " some soon spot stay such sure take talk tell text than that them then they this time told took true"
    " turn type upon very view wait want week well went were what when will with work year your jia gao shou"
    " kai pan mai mei ge qian gu piao zhang die law sql sdk art bat fan wed thx"
)

"""The situations that the demo city shows, each in one resident: breaches, repairs, consents, ages, papers and orders."""

from __future__ import annotations

from collections.abc import Iterator

from haihe.demo.composing import Piece, compose
from haihe.demo.named import BLOOD, FOREIGN_AREA, HMT_AREA, MEDICAL, Named
from haihe.demo.orders import EVERY_STANDING, RUNNING
from haihe.domain.identity import IdType
from haihe.domain.records import RecordState, Severity

GENERAL, SERIOUS, MINOR = Severity.GENERAL, Severity.SERIOUS, Severity.MINOR

# An ordinary working life: 500, and 20 for the basics, 40 for the law, 72 for dues paid, 20 for orders kept.
ORDINARY = (
    Piece("A01", level="L3"),
    Piece("A02", 5),
    Piece("B01", months=40),
    Piece("B02", 2),
    *(Piece(code, 12, months=ago) for code in ("C01", "C02", "C03") for ago in (0, 11)),
    Piece("E02", 10),
    Piece("E04", 5),
)
ORDINARY_POINTS = 652

# code, what it is called in the note, severity, what an ordinary life comes to with it
BREACHES = (
    ("B11", "失信被执行人（在列）", SERIOUS, 422),
    ("B12", "涉诚信刑事判决", SERIOUS, 472),
    ("B13", "轻微行政处罚，仅作提示，不扣分", MINOR, 652),
    ("B14", "一般行政处罚", GENERAL, 602),
    ("B15", "严重行政处罚", SERIOUS, 562),
    ("B16", "其他严重失信主体名单（在列）", SERIOUS, 472),
    ("B17", "骗取社保等（已认定）", SERIOUS, 542),
    ("B18", "国家考试作弊（已认定）", GENERAL, 582),
    ("B19", "电信网络诈骗惩戒对象（在列）", SERIOUS, 522),
    ("B20", "科研严重失信（在列）", SERIOUS, 562),
    ("B21", "严重交通违法（已生效）", SERIOUS, 572),
    ("B22", "故意侵犯知识产权（已认定）", SERIOUS, 582),
    ("C11", "违反信用承诺（已认定）", GENERAL, 602),
    ("C12", "公用事业欠费，未列入补充目录，暂不计分", MINOR, 652),
    ("C13", "图书逾期未还，未列入补充目录，暂不计分", MINOR, 652),
    ("E11", "信用订单逾期未结清，部分场景因此暂不可用", MINOR, 647),
    ("E12", "信用订单违约（已确认）", GENERAL, 602),
    ("E13", "冒用信用码（已查实）", GENERAL, 572),
)


def situations() -> Iterator[Named]:
    """One resident for every situation worth showing."""
    yield from _not_in()
    yield from _ordinary_lives()
    yield from _facts_and_consents()
    yield from _ages_and_papers()
    yield from _orders()
    for code, name, severity, points in BREACHES:
        breach = Piece(code, severity=severity, days=8)
        yield Named(f"breach-{code.lower()}", f"{name}（{code}）", points, (*ORDINARY, breach))
    for key, state, note in (
        ("repaired", RecordState.REPAIRED, "信用修复后：一般行政处罚已修复，不再计分，连续守信视同从未中断"),
        ("disputed", RecordState.DISPUTED, "异议中：一般行政处罚正在核查，暂不计分"),
        ("withdrawn", RecordState.WITHDRAWN, "来源部门已撤销的一般行政处罚，不再计分"),
    ):
        piece = Piece("B14", severity=GENERAL, days=60, state=state)
        yield Named(key, note, ORDINARY_POINTS, (*ORDINARY, piece))
    over = Piece("B11", severity=SERIOUS, months=20, until_months=-2)
    yield Named("delisted", "曾是失信被执行人，已于两个月前移出名单", ORDINARY_POINTS, (*ORDINARY, over))


def _not_in() -> Iterator[Named]:
    yield Named("not-joined", "未开通：已实名，未同意加入，没有积分", None, ORDINARY, joined=False)
    yield Named("left", "已退出：曾经开通，后来撤回同意", None, ORDINARY, joined=False, left=True)
    yield Named("stranger", "未实名：首次登录，须先实名核验", None, ORDINARY, joined=False, account=False)
    yield Named("minor", "未成年：16 周岁，满 18 周岁方可开通", None, (), born=(16, 40), joined=False)
    yield Named(
        "almost-adult", "将满 18 周岁：创建时差 40 天，满 18 周岁方可开通", None, (), (18, -40), joined=False
    )


def _ordinary_lives() -> Iterator[Named]:
    yield Named("new", "刚刚开通，尚无任何记录", 500)
    yield Named("real-name", "只有实名核验", 510, (Piece("A01", level="L3"),))
    yield Named("worker", "普通上班族：社保、公积金、水电气热按期", ORDINARY_POINTS, ORDINARY)
    good = (Piece("D01", 80, months=1), Piece("D03", level="区级", months=3), Piece("D05", 10))
    yield Named("volunteer", "热心志愿者：80 小时志愿服务、区级道德模范、10 次捐赠", 727, (*ORDINARY, *good))
    honours = (
        Piece("D02", level="市级", months=5),
        Piece("D04", level="国家级", months=7),
        Piece("D08", level="国家级", months=9),
        Piece("C07", 2, months=4),
    )
    yield Named(
        "hero", "见义勇为、劳动模范、科技奖励、主动履行判决", 738, (*ORDINARY, *honours), born=(52, 30)
    )
    keeper = (Piece("E01", 6, months=1), Piece("E01", 6, months=2), Piece("E01", 6, months=3))
    yield Named("keeper", "常用信用订单并按期履约", 688, (*ORDINARY, *keeper))
    settled = Piece("E11", severity=MINOR, months=1, until_months=0)
    yield Named("tomorrow", "逾期订单今天结清：明天起少扣 5 分，越过 600 分", 599, (*compose(604), settled))


def _facts_and_consents() -> Iterator[Named]:
    paid_later = Piece("E03", 5)
    donor = Piece("D06", 3, months=2)
    yield Named(
        "medical",
        "医疗敏感授权：先诊疗后付费按期结清，计分",
        667,
        (*ORDINARY, paid_later),
        sensitive=(MEDICAL,),
    )
    yield Named(
        "no-medical", "未授权医疗信息：同样的记录不计分，医疗场景不可用", 652, (*ORDINARY, paid_later)
    )
    yield Named("donor", "无偿献血，已单独同意，计分", 661, (*ORDINARY, donor), sensitive=(BLOOD,))
    yield Named("no-blood", "无偿献血，未单独同意，不计分", 652, (*ORDINARY, donor))
    enough = compose(730)
    yield Named("no-licence", "无驾驶证核实：分数够租车，驾驶证状态未知", 730, enough)
    yield Named("licence-no", "驾驶证核实结果为无效", 730, (*enough, Piece("F01", level="NO", months=2)))
    licence = (Piece("F01", level="YES", months=14), Piece("F02", level="YES", months=3))
    yield Named("licence", "驾驶证有效，车牌已绑定", 730, (*enough, *licence))
    yield Named(
        "carer",
        "已申明赡养关系，可为老人办理养老优惠",
        680,
        (*compose(680), Piece("F03", level="YES", months=5)),
    )


def _ages_and_papers() -> Iterator[Named]:
    yield Named("just-adult", "刚满 18 周岁即开通", 510, (Piece("A01", level="L3"),), born=(18, 20))
    yield Named("sixty", "刚满 60 周岁：养老场景按年龄可用", 655, compose(655), born=(60, 20))
    yield Named("fifty-nine", "59 周岁，未申明赡养关系：养老场景暂不可用", 655, compose(655), born=(59, 20))
    yield Named("elder", "老年人：78 周岁", 662, compose(662), born=(78, 200))
    yield Named("eldest", "老年人：95 周岁", 605, compose(605), born=(95, 60))
    papers = {"id_type": IdType.FOREIGN_PERMANENT, "area": FOREIGN_AREA}
    yield Named("foreigner", "外国人永久居留身份证", 640, compose(640), born=(41, 77), **papers)
    papers = {"id_type": IdType.HMT_RESIDENCE, "area": HMT_AREA}
    yield Named("hmt", "港澳台居民居住证", 656, compose(656), born=(33, 45), **papers)


def _orders() -> Iterator[Named]:
    rich = compose(715)
    yield Named(
        "busy-1", "有 1 笔进行中的住房免押订单，同一场景名额已满", 715, rich, orders=_running("XYZ-01")
    )
    busy = _running("XYZ-05", "XYZ-11", "XYZ-15")
    yield Named("busy-2", "有 2 笔进行中的订单，正好不超过先用后付的上限", 715, rich, orders=busy[:2])
    yield Named("busy-3", "有 3 笔进行中的订单：先用后付已满，设备租赁还可以", 715, rich, orders=busy)
    yield Named(
        "busy-4", "有 4 笔进行中的订单：设备租赁也已满", 715, rich, orders=(*busy, *_running("XYZ-09"))
    )
    every = "每一种订单都有一笔：待确认、已预留、进行中、待归还、待付清、有争议、已结清、已撤销、已过期"
    yield Named("orders", every, 715, rich, orders=EVERY_STANDING)


def _running(*scenarios: str) -> tuple[tuple[str, str], ...]:
    return tuple((code, RUNNING) for code in scenarios)

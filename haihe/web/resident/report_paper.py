"""The credit report on paper: a PDF with its font embedded and subset, a code and a QR code, and the signed content attached."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from typing import Any

import segno
from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos
from pylopdf_fonts_zh_cn import sans_path

from haihe.usecases.context import TIANJIN
from haihe.usecases.reports import Paper

FONT = "Noto Sans SC"
INK, SOFT, RIVER, LINE = (23, 35, 46), (77, 91, 104), (11, 95, 165), (213, 221, 228)
QR_MM = 30
TITLE_SIZE, HEAD_SIZE, TEXT_SIZE, SMALL_SIZE = 18, 13, 10.5, 8.5
# One PDF point of type takes so many millimetres of a line.
LEADING = 0.56
NOTHING = "无"


class _Sheet(FPDF):
    """A4 in the one font we bring along; every page says which report it belongs to."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self.foot = foot
        self.add_font(FONT, "", sans_path())
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, margin=20)

    def footer(self) -> None:
        """Code and page number."""
        self.set_y(-14)
        self.set_font(FONT, size=SMALL_SIZE)
        self.set_text_color(*SOFT)
        self.cell(0, 5, f"{self.foot}    第 {self.page_no()} 页", align="C")

    def say(self, text: str, size: float = TEXT_SIZE, colour: tuple[int, int, int] = INK) -> None:
        """A paragraph over the whole width; Chinese breaks between any two signs."""
        self.set_font(FONT, size=size)
        self.set_text_color(*colour)
        self.multi_cell(
            0, size * LEADING, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, wrapmode=WrapMode.CHAR, align="L"
        )

    def head(self, text: str) -> None:
        """The title of a part, kept with what follows."""
        if self.will_page_break(24):
            self.add_page()
        self.ln(3)
        self.say(text, HEAD_SIZE, RIVER)
        self.set_draw_color(*LINE)
        self.line(self.l_margin, self.get_y() + 0.5, self.w - self.r_margin, self.get_y() + 0.5)
        self.ln(2)


def draw_report(paper: Paper) -> bytes:
    """The PDF. The signed content and its signature are files inside it, so the paper can be checked without asking us."""
    content = paper.content
    sheet = _Sheet(f"验证码 {content['code']}")
    sheet.set_title(content["title"])
    sheet.set_lang("zh-CN")
    sheet.set_creation_date(paper.made_at.astimezone(TIANJIN))
    sheet.add_page()
    _first_lines(sheet, paper)
    for dimension in content["dimensions"]:
        _dimension(sheet, dimension)
    _records(sheet, content["records"])
    sheet.head("数据截至")
    sources = [f"{s['source']} {s['last_on']}（{s['words']}）" for s in content["sources"]]
    sheet.say("；".join(sources) or "尚无部门报送数据", SMALL_SIZE, SOFT)
    _signature(sheet, paper)
    sheet.embed_file(basename="report.json", bytes=paper.canonical, desc="报告内容（规范化 JSON）")
    sheet.embed_file(
        basename="report.jws", bytes=paper.jws.encode(), desc="对 report.json 的签名（RFC 7515）"
    )
    return bytes(sheet.output())


def draw_verify_code(url: str) -> segno.QRCode:
    """The QR code that leads to the check."""
    return segno.make(url, error="m", micro=False)


def _first_lines(sheet: _Sheet, paper: Paper) -> None:
    content, top = paper.content, sheet.get_y()
    picture = io.BytesIO()
    draw_verify_code(paper.verify_url).save(picture, kind="png", scale=6, border=2)
    picture.seek(0)
    sheet.image(
        picture, x=sheet.w - sheet.r_margin - QR_MM, y=top, w=QR_MM, h=QR_MM, alt_text="扫码验证本报告"
    )
    sheet.set_right_margin(sheet.r_margin + QR_MM + 4)
    sheet.say(content["title"], TITLE_SIZE, RIVER)
    sheet.ln(1)
    sheet.say(f"姓名 {content['name']}    证件号码 {content['id_number']}")
    sheet.say(f"生成时间 {content['made_at'][:16].replace('T', ' ')}    验证码 {content['code']}")
    sheet.say(f"扫右侧二维码，或到 {paper.verify_url.partition('#')[0]} 输入验证码核对", SMALL_SIZE, SOFT)
    sheet.set_right_margin(18)
    sheet.set_y(max(sheet.get_y(), top + QR_MM + 2))
    sheet.say(content["use"], SMALL_SIZE, SOFT)
    sheet.head("海河分")
    sheet.say(f"{content['total']} 分    {content['grade']}", TITLE_SIZE)
    sheet.say(f"截至 {content['as_of']}，依据规则集 {content['rulebook']}；以下各行相加正好是这个数。")


def _dimension(sheet: _Sheet, dimension: dict[str, Any]) -> None:
    sheet.head(f"{dimension['name']}    {dimension['points']} / {dimension['cap']}")
    for line in dimension["lines"]:
        points = str(line["points"]) if line["counts_from_zero"] else f"{line['points']:+d}"
        sheet.say(f"{line['name']}    {points}")
        sheet.say("；".join(_reasons(line)), SMALL_SIZE, SOFT)
        for record in line["records"]:
            sheet.say("· " + _one_record(record), SMALL_SIZE, SOFT)
        sheet.ln(1)


def _reasons(line: dict[str, Any]) -> Iterable[str]:
    yield line["because"]
    if line["department"]:
        yield f"来源：{line['department']}"
    if line["legal_basis"]:
        yield f"依据：{line['legal_basis']}"


def _records(sheet: _Sheet, records: list[dict[str, Any]]) -> None:
    sheet.head(f"有效的公共信用记录    共 {len(records)} 条")
    sheet.say("不含已修复、已撤销和正在办理异议的记录。", SMALL_SIZE, SOFT)
    for record in records:
        until = f"，有效至 {record['valid_to']}" if record["valid_to"] else ""
        sheet.say(f"{record['indicator']}：{_one_record(record)}{until}", SMALL_SIZE)
    if not records:
        sheet.say(NOTHING)


def _one_record(record: dict[str, Any]) -> str:
    parts = (record["occurred_on"], record["issuer"], record["document_no"], f"编号 {record['record_no']}")
    return " ".join(part for part in parts if part)


def _signature(sheet: _Sheet, paper: Paper) -> None:
    sheet.head("数字签名")
    sheet.say(
        "本报告的内容与签名作为附件（report.json、report.jws）存于电子文件中，"
        f"可用 /v1/notice-keys 公布的公钥核验。内容的 SHA-256：{hashlib.sha256(paper.canonical).hexdigest()}",
        SMALL_SIZE,
        SOFT,
    )
    sheet.say(
        f"本系统保存本报告至 {paper.content['kept_until']}，之后删除、不再能验证；本人退出海河分时立即删除。",
        SMALL_SIZE,
        SOFT,
    )

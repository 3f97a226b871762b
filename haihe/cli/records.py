"""`flask records …`: records in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import click
from flask.cli import AppGroup

from haihe.cli.rules import OPERATOR
from haihe.domain.errors import HaiheError
from haihe.usecases.import_records import ImportReport, import_records
from haihe.usecases.import_reports import find_import, list_sources, report_csv
from haihe.web.context import context

group = AppGroup("records", help="信用记录：导入与查看")

FIRST_REASONS = 10


@group.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--source", help="来源部门代码；只登记了一个部门时可以不写")
def import_(file: IO[bytes], source: str | None) -> None:
    """导入一个信用记录文件（CSV、JSON Lines 或双公示表，可用 gzip 压缩）。

    好的行入库，其余逐行说明原因。中断后再次导入同一文件，从断点继续；已导完的文件再次导入，只重试退回的行。
    """
    ctx = context()
    source = source or _only_source()
    name = Path(file.name).name
    # Progress is in bytes, for how many lines there are is known only at the end.
    with click.progressbar(length=0, label=name, file=sys.stderr) as bar:

        def progress(done: int, size: int) -> None:
            bar.length = size
            bar.update(done - bar.pos)

        try:
            report = import_records(ctx, source, name, file, ctx.now(), OPERATOR, progress)
        except HaiheError as error:
            raise click.ClickException(f"{name}：{error.detail}（{error.code}）") from error
    tell(report)


def _only_source() -> str:
    """The source, where there is only one that it can be."""
    sources = list_sources()
    if len(sources) == 1:
        return sources[0].code
    if not sources:
        raise click.UsageError("还没有登记任何来源部门。")
    known = "\n".join(f"  {s.code}  {s.name}" for s in sources)
    raise click.UsageError(f"请用 --source 写明是哪个部门的文件：\n{known}")


@group.command("report")
@click.argument("import_id", type=int)
@click.option(
    "--csv", "to", type=click.Path(dir_okay=False, path_type=Path), help="写入文件，供部门修改后重报"
)
def report(import_id: int, to: Path | None) -> None:
    """列出一次导入中未能入库的行：行号、记录编号、列、代码、原因。"""
    try:
        found = find_import(import_id, None)
    except HaiheError as error:
        raise click.ClickException(error.detail) from error
    if to is None:
        click.echo("".join(report_csv(found.id)).removeprefix("\ufeff"), nl=False)
        return
    with to.open("w", encoding="utf-8", newline="") as table:
        table.writelines(report_csv(found.id))
    click.echo(f"已写入 {to}：{found.quarantined} 行")


def tell(report: ImportReport) -> None:
    """What became of the file, in a few lines."""
    if report.repeated:
        click.echo(f"此文件此前已导入（编号 {report.import_id}），本次只重试退回的行。")
    click.echo(
        f"导入 {report.import_id}：共 {report.lines} 行，新增 {report.added}，变更 {report.changed}，"
        f"未变 {report.unchanged}，退回 {report.quarantined}"
    )
    for error in report.errors[:FIRST_REASONS]:
        named = f"（{error.record_no}）" if error.record_no else ""
        click.echo(f"  第 {error.line} 行{named} {error.field}：{error.detail} [{error.code}]")
    if report.quarantined > FIRST_REASONS:
        click.echo(f"  …… 全部退回行：flask records report {report.import_id} --csv 退回.csv")

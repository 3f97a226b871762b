"""`flask audit …`: does the audit trail still stand as it was written?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from flask.cli import AppGroup

from haihe.usecases.read_audit import Anchor, anchors, verify_audit

group = AppGroup("audit", help="审计：校验是否被改动")

WORDS = {
    "CHANGED": "内容被改动",
    "MISSING": "此前有缺失",
    "UNCHAINED": "与前一条不相接",
    "CUT_OFF": "末尾被截去",
    "BEYOND_END": "末尾之后有多出的记录",
    "ANCHOR": "与此前保存的锚点不符",
}


@group.command("heads")
def heads_command() -> None:
    """印出每条链的末端（JSON）。请定期存到别的介质，以后用 verify --against 核对。"""
    click.echo(json.dumps([a.to_json() for a in anchors()], ensure_ascii=False))


@group.command("verify")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="此前由 audit heads 保存的文件。",
)
def verify_command(against: Path | None) -> None:
    """校验全部审计记录；有任何一处不符即以 1 退出。"""
    try:
        kept = [Anchor.from_json(a) for a in json.loads(against.read_text("utf-8"))] if against else []
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{against} 不是 audit heads 保存的文件") from error
    verified = verify_audit(kept)
    for one in verified.breaks:
        click.echo(f"第 {one.lane} 链第 {one.place} 条：{WORDS[one.what]}", err=True)
    if verified.breaks:
        sys.exit(1)
    click.echo(f"审计记录 {verified.entries} 条，{verified.lanes} 条链，全部相符。")

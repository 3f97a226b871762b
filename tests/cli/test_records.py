"""`flask records`: an operator loads a file, sees what became of it and takes the report to the department."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.builders import Builders, id_number

HEADER = "record_no,indicator,id_type,id_number,name,occurred_on\n"
GOOD = f"R1,D05,RESIDENT,{id_number(1)},王小河,2026-10-01\n"
BAD = f"R2,Z99,RESIDENT,{id_number(1)},王小河,2026-10-01\n"


@pytest.fixture
def run(app: Flask, a: Builders):
    a.source("RS")
    runner = app.test_cli_runner()
    return lambda *args: runner.invoke(args=["records", *map(str, args)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "十月.csv"
    path.write_text(HEADER + GOOD + BAD, "utf-8")
    return path


def test_a_file_is_loaded_and_its_report_told_in_a_few_lines(run, file: Path) -> None:
    result = run("import", file, "--source", "RS")
    assert result.exit_code == 0, result.output
    assert "共 2 行，新增 1，变更 0，未变 0，退回 1" in result.output
    assert "第 3 行（R2） indicator：指标代码不在现行规则集中 [INDICATOR_UNKNOWN]" in result.output
    again = run("import", file, "--source", "RS")
    assert "本次只重试退回的行" in again.output
    assert "新增 0" in again.output


def test_a_file_that_is_refused_ends_with_one(run, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\x00")
    result = run("import", path, "--source", "RS")
    assert result.exit_code == 1
    assert "不是文本文件" in result.output


def test_an_unknown_source_ends_with_one(run, file: Path) -> None:
    result = run("import", file, "--source", "NOBODY")
    assert (result.exit_code, "没有这个来源部门" in result.output) == (1, True)


def test_the_source_need_not_be_named_where_there_is_only_one(run, file: Path) -> None:
    assert "新增 1" in run("import", file).output


def test_of_several_sources_one_must_be_named(run, a: Builders, file: Path) -> None:
    a.source("OTHER")
    result = run("import", file)
    assert result.exit_code == 2
    assert "RS  测试来源 RS" in result.output
    assert "OTHER  测试来源 OTHER" in result.output


def test_the_report_can_be_written_for_the_department(run, file: Path, tmp_path: Path) -> None:
    run("import", file, "--source", "RS")
    assert "3,R2,indicator,INDICATOR_UNKNOWN" in run("report", 1).output
    to = tmp_path / "退回.csv"
    assert run("report", 1, "--csv", to).exit_code == 0
    assert to.read_bytes().startswith(b"\xef\xbb\xbfline,record_no,field,code,detail,note\r\n3,R2,")
    assert run("report", 99).exit_code == 1


@pytest.mark.parametrize("name", ["records.csv", "records.jsonl", "penalties.csv"])
def test_the_examples_for_departments_are_taken_whole(run, name: str) -> None:
    result = run("import", Path(__file__).parents[2] / "docs" / "examples" / name, "--source", "RS")
    assert (result.exit_code, "退回 0" in result.output) == (0, True), result.output
    assert "新增 0" not in result.output

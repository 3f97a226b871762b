"""代为上传: a clerk hands a file in for a source that cannot send it itself; the worker loads it and says how far it has come."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import IO, cast

from sqlalchemy import delete, select, update

from haihe.domain.errors import HaiheError, InvalidInput, NotFound
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.uploads import LEASE, Upload, UploadPart, lease_upload, sealed_part
from haihe.usecases.context import Context
from haihe.usecases.import_records import import_records, kept_name
from haihe.usecases.sources import find_source
from haihe.usecases.staff_login import StaffCaller

PART = 1 << 20
LARGEST = 64 << 20
PURPOSE = "upload"


def hand_in(
    ctx: Context, clerk: StaffCaller, source: str, file_name: str, stream: IO[bytes], at: datetime
) -> int:
    """Keep a file for the worker; returns the upload's number."""
    find_source(clerk, source)
    with transaction():
        upload = Upload(
            source=source,
            file_name=kept_name(file_name),
            sent_by=clerk.actor,
            sent_at=at,
            size=0,
        )
        db.session.add(upload)
        db.session.flush()
        number = 0
        while part := stream.read(PART):
            sealed = ctx.vault.seal(base64.b64encode(part).decode(), PURPOSE)
            db.session.add(
                UploadPart(
                    upload_id=upload.id, number=number, key_id=sealed.key_id, part_sealed=sealed.ciphertext
                )
            )
            number, upload.size = number + 1, upload.size + len(part)
            if upload.size > LARGEST:
                raise InvalidInput("FILE_TOO_LARGE", f"一次最多 {LARGEST >> 20} MB，请压缩或拆分", "file")
            db.session.flush()
        if not upload.size:
            raise InvalidInput("FILE_EMPTY", "文件是空的，请重新选择", "file")
        write_audit(at, clerk.actor, "hand_in_file", f"source:{source}", upload=upload.id, size=upload.size)
        return upload.id


def find_upload(caller: StaffCaller, upload_id: int) -> Upload:
    """One upload, where its source is somebody's to look after."""
    upload = db.session.get(Upload, upload_id, populate_existing=True)
    if upload is None:
        raise NotFound("UPLOAD_NOT_FOUND", "没有这次上传")
    find_source(caller, upload.source)
    return upload


def uploads_under_way(caller: StaffCaller) -> list[Upload]:
    """The files that somebody handed in and that are not loaded yet."""
    query = (
        select(Upload).where(Upload.state == "WAITING", Upload.sent_by == caller.actor).order_by(Upload.id)
    )
    return list(db.session.execute(query).scalars())


def load_uploads(ctx: Context, now: Callable[[], datetime], stop: Callable[[], bool] = lambda: False) -> int:
    """Load the files that wait, the oldest first; returns how many were dealt with."""
    done = 0
    while not stop():
        with transaction():
            upload_id = lease_upload(now())
            if upload_id is not None:
                upload = db.session.get_one(Upload, upload_id, populate_existing=True)
                source, name, sent_by = upload.source, upload.file_name, upload.sent_by
                write_audit(now(), "worker:files", "load_upload", f"source:{source}", upload=upload_id)
        if upload_id is None:
            break
        _load(ctx, upload_id, source, name, sent_by, now)
        done += 1
    return done


def _load(
    ctx: Context, upload_id: int, source: str, name: str, sent_by: str, now: Callable[[], datetime]
) -> None:
    def progress(position: int, size: int) -> None:
        with transaction():
            _note(upload_id, position=position, plain_size=size, leased_until=now() + LEASE)

    stream = cast(IO[bytes], _Parts(ctx, upload_id))
    try:
        report = import_records(ctx, source, name, stream, now(), sent_by, progress)
    except HaiheError as error:
        if error.code == "IMPORT_BUSY":
            return
        _end(upload_id, state="FAILED", code=error.code, detail=error.detail[:400])
    else:
        _end(upload_id, state="DONE", import_id=report.import_id)


def _end(upload_id: int, **values: object) -> None:
    """Nothing of the file is kept once it is known what became of it."""
    with transaction():
        db.session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
        _note(upload_id, **values)


def _note(upload_id: int, **values: object) -> None:
    db.session.execute(
        update(Upload)
        .where(Upload.id == upload_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


class _Parts:
    """The pieces of an upload, opened one after another."""

    def __init__(self, ctx: Context, upload_id: int) -> None:
        self._ctx, self._upload_id, self._number = ctx, upload_id, 0

    def read(self, _size: int) -> bytes:
        """The next piece; nothing at the end."""
        held = sealed_part(self._upload_id, self._number)
        if held is None:
            return b""
        self._number += 1
        return base64.b64decode(self._ctx.vault.open(*held, PURPOSE))

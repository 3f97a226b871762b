"""A link says whom a merchant means by its own name for somebody, until the resident takes it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from haihe.domain.errors import Conflict, NotFound
from haihe.storage.db import db, transaction
from haihe.storage.links import Link
from haihe.usecases.consent_texts import link_text
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import copy_of, gather_facts
from haihe.usecases.leave import leave
from haihe.usecases.links import (
    LINK_LASTS,
    give_link,
    linked_resident,
    linked_residents,
    links_of,
    withdraw_link,
)
from haihe.usecases.pairwise import addresses
from tests.builders import Builders
from tests.conftest import Clock


def link(ctx: Context, resident_id: int, merchant_id: int, *scenarios: str) -> str:
    with transaction():
        return give_link(
            ctx, resident_id, merchant_id, scenarios or ("XYZ-07",), link_text(), ctx.now()
        ).pairwise_id


def test_giving_and_taking_back_change_the_resident_s_copy(ctx: Context, a: Builders) -> None:
    resident, merchant = a.resident(), a.merchant("XYZ-07").merchant_id
    on = day_of(ctx.now())

    def linked() -> list[str]:
        return [
            k.pairwise_id
            for k in copy_of(gather_facts([resident], ctx.rules.rulebook(on), on)[resident], ctx.now()).links
        ]

    name = link(ctx, resident, merchant)
    ((whom, _mark, ours, _block),) = addresses(ctx, merchant, [name])
    assert (whom, ours) == (resident, True)
    ((_whom, _mark, ours, _block),) = addresses(ctx, merchant + 1, [name])
    assert not ours
    assert linked() == [name]

    withdraw_link(ctx, resident, merchant, ctx.now())
    assert linked() == []


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "x",
        "é" * 22,
        "=" * 22,
        "A" * 21 + "B",
        "A" * 21 + "+",
        "A" * 21 + "\n",
        "/" * 22,
        "A" * 20,
        "A" * 24,
    ],
)
def test_names_lead_to_the_same_places_alone_and_among_others(ctx: Context, a: Builders, odd: str) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    names = [link(ctx, a.resident(), merchant), odd, link(ctx, a.resident(), merchant), odd + "A", odd[1:]]

    together = addresses(ctx, merchant, names)

    assert together == [addresses(ctx, merchant, [name])[0] for name in names]
    assert [ours for _whom, _mark, ours, _block in together] == [True, False, True, False, False]


def test_each_merchant_has_its_own_name_for_the_same_resident(ctx: Context, a: Builders) -> None:
    resident, one, other = a.resident(), a.merchant().merchant_id, a.merchant().merchant_id
    names = [link(ctx, resident, m) for m in (one, other)]

    assert len(set(names)) == 2
    found = linked_resident(one, names[0], ctx.now())
    assert found is not None
    assert (found.resident_id, found.scenarios) == (resident, frozenset({"XYZ-07"}))
    assert linked_resident(one, names[1], ctx.now()) is None


def test_names_that_mean_nobody_are_left_out(ctx: Context, a: Builders) -> None:
    merchant = a.merchant().merchant_id
    name = link(ctx, a.resident(), merchant)

    assert linked_residents(merchant, [name, "r0", "\x00", "海"], ctx.now()).keys() == {name}
    assert linked_residents(merchant, [], ctx.now()) == {}


def test_a_link_withdrawn_means_nobody_and_linking_again_gives_another_name(
    ctx: Context, a: Builders
) -> None:
    resident, merchant = a.resident(), a.merchant().merchant_id
    name = link(ctx, resident, merchant)

    withdraw_link(ctx, resident, merchant, ctx.now())
    withdraw_link(ctx, resident, merchant, ctx.now())

    assert linked_resident(merchant, name, ctx.now()) is None
    assert links_of(resident, ctx.now()) == []
    assert link(ctx, resident, merchant) != name


def test_a_new_consent_takes_the_old_ones_place_and_keeps_the_name(ctx: Context, a: Builders) -> None:
    resident, merchant = a.resident(), a.merchant().merchant_id
    name = link(ctx, resident, merchant, "XYZ-07", "XYZ-12")

    assert link(ctx, resident, merchant, "XYZ-12") == name

    found = linked_resident(merchant, name, ctx.now())
    assert found is not None
    assert found.scenarios == {"XYZ-12"}
    assert db.session.execute(select(func.count()).select_from(Link)).scalar_one() == 2


def test_a_link_runs_out_by_itself(ctx: Context, a: Builders, clock: Clock) -> None:
    resident, merchant = a.resident(), a.merchant().merchant_id
    name = link(ctx, resident, merchant)

    assert linked_resident(merchant, name, ctx.now() + LINK_LASTS - timedelta(seconds=1)) is not None
    assert linked_resident(merchant, name, ctx.now() + LINK_LASTS) is None


def test_leaving_takes_every_link_back(ctx: Context, a: Builders) -> None:
    resident, merchant = a.resident(), a.merchant().merchant_id
    name = link(ctx, resident, merchant)

    leave(ctx, resident, ctx.now())

    assert linked_resident(merchant, name, ctx.now()) is None


def test_only_who_has_joined_can_link(ctx: Context, a: Builders) -> None:
    resident, merchant = a.resident(joined=False), a.merchant().merchant_id

    with pytest.raises(Conflict, match="开通"):
        link(ctx, resident, merchant)


def test_a_merchant_never_linked_cannot_be_unlinked(ctx: Context, a: Builders) -> None:
    with pytest.raises(NotFound):
        withdraw_link(ctx, a.resident(), a.merchant().merchant_id, ctx.now())

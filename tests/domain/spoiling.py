"""A parsed file with one or more of its values replaced by nonsense, for readers that must not crash on it."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

from hypothesis import strategies as st

# Containers are built anew each time: one that is put in twice might otherwise come to hold itself.
NONSENSE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2000),
    st.floats(allow_nan=True),
    st.text(max_size=5),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: [[]]),
    st.builds(lambda: [{}]),
    st.builds(lambda: {"all": []}),
    st.builds(lambda: {1: None}),
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a nested structure."""
    keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [(node, key) for key in keys] + [place for key in keys for place in places(node[key])]


@st.composite
def spoiled(draw: st.DrawFn, *originals: Any) -> Any:
    """One of the originals with up to three values replaced."""
    data = deepcopy(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 3))):
        all_places = places(data)
        if not all_places:
            break
        container, key = draw(st.sampled_from(all_places))
        container[key] = draw(NONSENSE)
    return data

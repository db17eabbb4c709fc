"""A conversation as a tree: its branches, siblings and what is on show, for every tree there can be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.conversation_records import StoredMessage
from tui_chat.conversation_tree import ConversationTree, Place


def message(id: int, parent: int | None) -> StoredMessage:
    return StoredMessage(id, 1, "user", f"message {id}", parent=parent)


def ids(messages: object) -> list[int]:
    return [message.id for message in messages]  # type: ignore[attr-defined]


@pytest.fixture
def tree() -> ConversationTree:
    """1 - 2 - 5 - 6, with 3 beside 2 (3 - 7), and 4 beside 2 as well."""
    parents = {1: None, 2: 1, 3: 1, 4: 1, 5: 2, 6: 5, 7: 3}
    return ConversationTree([message(id, parent) for id, parent in parents.items()], leaf=6)


def test_an_empty_conversation_shows_nothing() -> None:
    tree = ConversationTree()
    assert (list(tree.path), tree.leaf, tree.path_to(None), tree.place_of(3)) == ([], None, [], Place(1, 1))


def test_the_branch_on_show_leads_to_the_leaf(tree: ConversationTree) -> None:
    assert ids(tree.path) == [1, 2, 5, 6] and tree.leaf == 6


def test_without_a_leaf_the_branch_of_the_newest_message_is_on_show() -> None:
    assert ids(ConversationTree([message(1, None), message(2, 1), message(3, 1), message(4, 2)]).path) == [
        1,
        2,
        4,
    ]


def test_a_leaf_that_is_followed_by_more_shows_that_too(tree: ConversationTree) -> None:
    assert ids(ConversationTree([message(1, None), message(2, 1), message(3, 2)], leaf=1).path) == [1, 2, 3]


def test_siblings_are_counted_and_reached_in_the_order_they_were_made(tree: ConversationTree) -> None:
    assert ids(tree.siblings_of(3)) == [2, 3, 4] and tree.place_of(3) == Place(2, 3)
    assert tree.place_of(6) == Place(1, 1)
    before, after = tree.neighbour_of(3, -1), tree.neighbour_of(3, 1)
    assert before and after and (before.id, after.id) == (2, 4)
    assert tree.neighbour_of(2, -1) is None and tree.neighbour_of(4, 1) is None


def test_going_back_shows_a_branch_as_it_was_last(tree: ConversationTree) -> None:
    tree.add(message(8, 2))  # beside 5
    tree.show(3)
    assert ids(tree.path) == [1, 3, 7]
    tree.show(2)
    assert ids(tree.path) == [1, 2, 8]
    tree.show(5)
    assert ids(tree.path) == [1, 2, 5, 6]


def test_what_another_app_adds_elsewhere_changes_nothing_on_show(tree: ConversationTree) -> None:
    tree.put(message(8, 1))
    tree.put(message(9, 8))
    assert ids(tree.path) == [1, 2, 5, 6]
    tree.put(message(10, 6))  # it went on here
    assert ids(tree.path) == [1, 2, 5, 6, 10]


def test_a_sibling_that_is_heard_of_late_stands_where_it_was_made(tree: ConversationTree) -> None:
    tree.add(message(9, 1))
    tree.put(message(8, 1))  # of another app
    assert ids(tree.siblings_of(9)) == [2, 3, 4, 8, 9] and tree.leaf == 9


@st.composite
def trees(draw: st.DrawFn) -> list[StoredMessage]:
    """Messages in order; some of damaged files, whose parent is missing or not older."""
    made: list[StoredMessage] = []
    for id in draw(st.lists(st.integers(1, 60), unique=True, max_size=25).map(sorted)):
        parents = st.sampled_from([None, *ids(made)]) | st.integers(0, 70)
        made.append(message(id, draw(parents)))
    return made


@given(trees(), st.data())
def test_every_message_can_be_shown_and_the_path_is_always_a_branch(
    messages: list[StoredMessage], data: st.DataObject
) -> None:
    tree = ConversationTree(data.draw(st.permutations(messages)))
    for wanted in messages:
        tree.show(wanted.id)
        path = ids(tree.path)
        assert wanted.id in path
        assert [tree.parent_of(id) for id in path] == [None, *path[:-1]]
        assert tree.leaf == path[-1] and not any(tree.parent_of(each.id) == tree.leaf for each in messages)
        assert ids(tree.path_to(wanted.id)) == path[: path.index(wanted.id) + 1]
        assert ids(ConversationTree(messages, tree.leaf).path) == path  # as after reopening


@given(trees())
def test_siblings_share_their_parent_and_nobody_else_has_it(messages: list[StoredMessage]) -> None:
    tree = ConversationTree(messages)
    for each in messages:
        siblings = ids(tree.siblings_of(each.id))
        same = [other.id for other in messages if tree.parent_of(other.id) == tree.parent_of(each.id)]
        assert siblings == same
        place = tree.place_of(each.id)
        assert siblings[place.number - 1] == each.id and place.count == len(siblings)


@given(trees(), st.data())
def test_adding_and_showing_never_loses_a_message(messages: list[StoredMessage], data: st.DataObject) -> None:
    tree = ConversationTree(messages)
    newest = max(ids(messages), default=0)
    parent = data.draw(st.sampled_from([None, *ids(messages)]))
    tree.add(message(newest + 1, parent))
    assert tree.leaf == newest + 1
    for each in messages:
        assert tree[each.id] == each
        tree.show(each.id)
        assert each in tree.path

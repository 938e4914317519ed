"""The life of a warning: every step that is legal, and none that is not."""
import pytest

from policy.catalogue import catalogue
from policy.lifecycle import ACTIONS, EVENT, VERDICTS, Illegal, after

LIVE = ("new", "acknowledged", "assigned", "in_progress", "reopened", "snoozed")
ENDED = ("closed", "expired")


@pytest.mark.parametrize(("path", "end"), [
    (("acknowledge", "assign", "start", "close"), "closed"), (("close", "reopen", "acknowledge", "start"), "in_progress"), (("assign", "assign", "snooze", "start"), "in_progress"),
    (("note", "snooze", "close", "note"), "closed"), (("assign", "start", "assign"), "assigned"),
])
def test_a_warning_lives_through_legal_steps(path, end):
    status = "new"
    for action in path:
        status = after(status, action)
    assert status == end


@pytest.mark.parametrize(("status", "action"), [
    ("new", "start"), ("new", "reopen"), ("acknowledged", "acknowledge"), ("closed", "close"), ("closed", "assign"), ("closed", "snooze"), ("expired", "start"),
    ("snoozed", "snooze"), ("in_progress", "start"), ("in_progress", "reopen"), ("gone", "note"),
])
def test_any_other_step_is_refused_and_says_which_it_was(status, action):
    with pytest.raises(Illegal, match=action) as refused:
        after(status, action)
    assert (refused.value.status, refused.value.action) == (status, action)


def test_an_unknown_action_is_an_error_of_its_own():
    with pytest.raises(KeyError):
        after("new", "explode")


@pytest.mark.parametrize("status", LIVE)
def test_whatever_lives_may_be_noted_assigned_and_closed(status):
    assert (after(status, "note"), after(status, "assign"), after(status, "close")) == (status, "assigned", "closed")


@pytest.mark.parametrize("status", ENDED)
def test_what_has_ended_can_only_be_noted_or_opened_again(status):
    assert {a for a, (allowed, _) in ACTIONS.items() if status in allowed} == {"note", "reopen"}
    assert after(status, "reopen") == "reopened" and after(status, "note") == status


def test_every_action_leads_into_a_status_that_has_ways_on_and_has_its_word_for_the_trail():
    assert set(EVENT) == set(ACTIONS) and len(set(EVENT.values())) == len(EVENT)
    assert {leads for _, leads in ACTIONS.values() if leads} <= set(LIVE) | set(ENDED)
    assert {s for allowed, _ in ACTIONS.values() for s in allowed} == set(LIVE) | set(ENDED)


def test_verdicts_can_be_said_in_both_languages():
    assert len(set(VERDICTS)) == 4 and all({f"verdict.{v}"} <= set(catalogue()) for v in VERDICTS)

"""Lengths of time, and when a budget begins anew."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.durations import following, length, next_reset, span, zone
from tianji.errors import Unacceptable

NOW = datetime(2026, 11, 25, 21, 43, 10, tzinfo=UTC)  # a Wednesday
DURATIONS = st.builds(
    lambda n, unit: f"{n}{unit}", st.integers(1, 400), st.sampled_from(["s", "m", "h", "d", "w", "mo"])
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("30min", 1800), ("2h", 7200), ("1d", 86400), ("2w", 1209600), ("1mo", 2592000),
     ("hourly", 3600), ("daily", 86400), ("weekly", 604800), ("monthly", 2592000)],
)  # fmt: skip
def test_lengths(text, seconds):
    assert length(text, "duration") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0d", "-1", "30", "d", "1.5h", "30D", "30 d", "1y", "9" * 9 + "mo", "\uff19d"])
def test_what_is_no_duration(text):
    with pytest.raises(Unacceptable, match="Invalid duration format") as caught:
        length(text, "grace_period")
    assert caught.value.param == "grace_period"


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("1d", "2026-11-26T00:00:00"),
        ("7d", "2026-11-30T00:00:00"),
        ("1w", "2026-11-30T00:00:00"),
        ("30d", "2026-12-01T00:00:00"),
        ("1mo", "2026-12-01T00:00:00"),
        ("2mo", "2027-01-01T00:00:00"),
        ("10d", "2026-12-05T00:00:00"),
        ("2w", "2026-12-09T00:00:00"),
        ("1h", "2026-11-25T22:00:00"),
        ("5h", "2026-11-26T00:00:00"),
        ("15m", "2026-11-25T21:45:00"),
        ("30s", "2026-11-25T21:43:30"),
    ],
)
def test_resets(text, then):
    assert next_reset(text, NOW, where=UTC, at=time()) == datetime.fromisoformat(then).replace(tzinfo=UTC)


def test_days_begin_where_and_when_the_settings_say():
    berlin = ZoneInfo("Europe/Berlin")
    assert next_reset("1d", NOW, where=berlin, at=time()).isoformat() == "2026-11-25T23:00:00+00:00"
    assert next_reset("1d", NOW, where=UTC, at=time(22)).isoformat() == "2026-11-25T22:00:00+00:00"
    assert zone(None) is zone("UTC") is UTC
    assert zone("Europe/Berlin") == berlin


@pytest.mark.parametrize(
    ("text", "at", "now", "then"),
    [
        # clocks show 02:00 to 03:00 twice
        ("1d", time(2, 30), "2026-10-25T00:10", "2026-10-25T00:30"),
        ("1d", time(2, 30), "2026-10-25T00:40", "2026-10-26T01:30"),
        ("1d", time(2, 30), "2026-10-25T01:10", "2026-10-26T01:30"),
        ("1h", time(), "2026-10-25T00:10", "2026-10-25T01:00"),
        ("1h", time(), "2026-10-25T01:10", "2026-10-25T02:00"),
        ("15m", time(), "2026-10-25T01:10", "2026-10-25T01:15"),
        ("5h", time(), "2026-10-25T22:10", "2026-10-25T23:00"),
        # and 02:00 to 03:00 never
        ("1d", time(2, 30), "2026-03-29T00:50", "2026-03-29T01:30"),
        ("1d", time(2, 30), "2026-03-29T01:40", "2026-03-30T00:30"),
        ("1h", time(), "2026-03-29T00:10", "2026-03-29T01:00"),
        ("1h", time(), "2026-03-29T01:10", "2026-03-29T02:00"),
        # months with a change in them
        ("1mo", time(), "2026-10-24T10:00", "2026-10-31T23:00"),
        ("7d", time(), "2026-10-24T10:00", "2026-10-25T23:00"),
    ],
)
def test_a_budget_begins_anew_where_clocks_are_changed(text, at, now, then):
    berlin = ZoneInfo("Europe/Berlin")
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_reset(text, moment, where=berlin, at=at) == datetime.fromisoformat(then).replace(tzinfo=UTC)


PLACES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"])
CHANGES = st.integers(-7200, 7200).map(lambda seconds: 1_792_890_000 + seconds)  # 2026-10-25T01:00Z


@given(
    DURATIONS,
    st.integers(1_577_836_800, 2_208_988_800) | CHANGES,
    PLACES,
    st.times().map(lambda at: at.replace(microsecond=0)),
)
def test_a_reset_comes_and_not_too_late(text, seconds, place, at):
    now = datetime.fromtimestamp(seconds, UTC)
    reset = next_reset(text, now, where=zone(place), at=at)
    assert (
        now
        < reset
        <= now + length(text, "d") + timedelta(days=1, hours=2) + timedelta(days=31 * text.endswith("mo") * 40)
    )


NOWS = st.integers(1_577_836_800, 2_208_988_800) | CHANGES
HOURS = st.times().map(lambda at: at.replace(microsecond=0))


@given(DURATIONS, NOWS, PLACES, HOURS)
def test_a_period_of_the_calendar_is_the_same_for_whoever_asks(text, seconds, place, at):
    now = datetime.fromtimestamp(seconds, UTC)
    begins, ends = span(text, now, where=zone(place), at=at, param="p")
    assert begins <= now < ends
    for moment in (begins, ends - timedelta(microseconds=1)):
        assert span(text, moment, where=zone(place), at=at, param="p") == (begins, ends)
    assert span(text, ends, where=zone(place), at=at, param="p")[0] == ends, "one begins where another ends"
    if text in ("1d", "7d", "1w", "30d", "1mo", "1h", "5h", "30s", "15m"):
        assert ends == next_reset(text, now, where=zone(place), at=at)


@given(DURATIONS, NOWS, PLACES, HOURS, st.lists(st.integers(0, 10**7), max_size=5))
def test_who_resets_late_or_often_moves_no_period(text, seconds, place, at, passes):
    begun = datetime.fromtimestamp(seconds, UTC)
    first = ended = next_reset(text, begun, where=zone(place), at=at)
    now = first
    for passed in passes:
        now += timedelta(seconds=passed)
        if ended <= now:
            begins, ended = following(text, ended, now, where=zone(place), at=at)
            assert begins <= now < ended
    assert following(text, first, now, where=zone(place), at=at)[1] == ended or not passes


def test_a_day_that_has_23_hours_is_a_period():
    berlin, noon = ZoneInfo("Europe/Berlin"), datetime(2026, 3, 29, 10, tzinfo=UTC)
    edges = span("1d", noon, where=berlin, at=time(), param="p")
    assert [edge.isoformat() for edge in edges] == ["2026-03-28T23:00:00+00:00", "2026-03-29T22:00:00+00:00"]
    assert following("1d", edges[0], noon, where=berlin, at=time()) == edges
    assert span("2w", noon, where=UTC, at=time(), param="p")[0].weekday() == 0

"""Lengths of time, and when a budget begins anew."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.durations import length, next_reset, zone
from tianji.errors import Unacceptable

NOW = datetime(2026, 11, 25, 21, 43, 10, tzinfo=UTC)  # a Wednesday
DURATIONS = st.builds(
    lambda n, unit: f"{n}{unit}", st.integers(1, 400), st.sampled_from(["s", "m", "h", "d", "w", "mo"])
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400), ("2w", 1209600), ("1mo", 2592000), ("hourly", 3600),
     ("daily", 86400), ("weekly", 604800), ("monthly", 2592000)],
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


@given(DURATIONS, st.integers(1_577_836_800, 2_208_988_800))
def test_a_reset_comes_and_not_too_late(text, seconds):
    now = datetime.fromtimestamp(seconds, UTC)
    reset = next_reset(text, now, where=UTC, at=time())
    assert now < reset <= now + length(text, "d") + timedelta(days=1 + 31 * text.endswith("mo") * 40)

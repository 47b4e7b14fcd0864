"""Who leads."""

from pathlib import Path

from tianji.ledger.leading import Lead


def test_one_leads_until_it_gives_that_up(tmp_path: Path) -> None:
    file = tmp_path / "made" / "x.lock"
    one, other = Lead(file), Lead(file)
    assert one.take()
    assert (one.held, other.held) == (True, False)
    assert not other.take()
    one.release()
    assert other.take()
    assert (one.held, other.held) == (False, True)
    other.release()


def test_it_is_taken_once_and_given_up_as_often_as_one_likes(tmp_path: Path) -> None:
    lead = Lead(tmp_path / "x.lock")
    lead.release()
    assert lead.take()
    assert not lead.take()
    assert lead.held
    lead.release()
    lead.release()
    assert not lead.held

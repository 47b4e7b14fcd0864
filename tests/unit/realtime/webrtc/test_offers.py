"""What a client offers, in both forms, and what goes upstream of it."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.credentials import Credentials
from tianji.auth.ephemeral import Ticket, Tickets
from tianji.errors import InvalidRequest, ModelRefused, PayloadTooLarge, PermissionDenied, UpstreamProtocolError
from tianji.protocol.multipart import Reader, boundary_of
from tianji.realtime.asking import TRANSCRIPTION
from tianji.realtime.webrtc.calls import id_in
from tianji.realtime.webrtc.offers import MOST, SDP, Offer, read

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"
TICKETS = Tickets(lambda: "salt")
SECRET = TICKETS.seal(Ticket("ab" * 32, "rt", "deployment", "ek_upstream", 1 << 40)).encode()


def asked(body: bytes, kind: bytes = SDP, query: bytes = b"", *headers: tuple[bytes, bytes]) -> Any:
    fields = [(b"content-type", kind), (b"host", b"gateway"), *headers]
    return SimpleNamespace(
        body=body,
        size=len(body),
        query=query,
        path="/v1/realtime/calls",
        headers=fields,
        header=lambda name: next((value for own, value in fields if own == name), None),
        read=lambda at, size: body[at : at + size],
    )


def form(**parts: str) -> bytes:
    lines = [f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in parts.items()]
    return ("".join(lines) + "--x--\r\n").encode()


def offer(*about: Any) -> Offer:
    return read(asked(*about), Credentials(None), TICKETS, ())


FORM = b"multipart/form-data; boundary=x"
OF_SECRET = (b"authorization", b"Bearer " + SECRET)


def test_an_offer_alone_has_its_model_in_the_query() -> None:
    found = offer(OFFER.encode(), b"application/sdp; charset=utf-8", b"model=rt&webrtcfilter=on")
    assert (found.sdp, found.session, found.model, found.query) == (OFFER, None, "rt", {"webrtcfilter": "on"})
    with pytest.raises(InvalidRequest, match="model"):
        offer(OFFER.encode())


def test_an_offer_of_a_secret_has_its_model_there() -> None:
    found = offer(OFFER.encode(), SDP, b"", OF_SECRET)
    assert (found.model, found.ticket is not None) == ("rt", True)
    assert found.written("up") == (SDP, OFFER.encode())
    for query in (b"model=other", b"deployment=other"):
        with pytest.raises(ModelRefused):
            offer(OFFER.encode(), SDP, query, OF_SECRET)
    with pytest.raises(ModelRefused):
        offer(form(sdp=OFFER, session='{"model":"other"}'), FORM, b"", OF_SECRET)


def test_a_form_says_what_the_session_is_like() -> None:
    found = offer(form(sdp=OFFER, session='{"model":"rt","voice":"verse"}'), FORM, b"model=other")
    assert (found.sdp, found.model) == (OFFER, "rt")
    assert parts(found, "up") == {"sdp": OFFER, "session": {"type": "realtime", "model": "up", "voice": "verse"}}


def test_who_writes_down_what_is_said_need_not_be_named() -> None:
    assert offer(form(sdp=OFFER, session='{"type":"transcription"}'), FORM).model == TRANSCRIPTION
    heard = {"type": "transcription", "audio": {"input": {"transcription": {"model": "w", "language": "fr"}}}}
    found = offer(form(sdp=OFFER, session=msgspec.json.encode(heard).decode()), FORM)
    assert found.model == "w"
    heard["audio"] = {"input": {"transcription": {"model": "up", "language": "fr"}}}
    assert parts(found, "up")["session"] == heard


def parts(found: Offer, model: str) -> dict[str, Any]:
    kind, body = found.written(model)
    boundary = boundary_of(kind)
    assert boundary is not None
    reader = Reader(boundary)
    reader.feed(body)
    read_parts = {part.name: part.text or "" for part in reader.close()}
    return {**read_parts, "session": msgspec.json.decode(read_parts["session"])}


@given(st.text(min_size=1, max_size=300).filter(lambda text: text.strip() and "\r\n--x" not in text))
def test_any_offer_goes_on_as_it_came(text: str) -> None:
    assert parts(offer(form(sdp=text, session='{"model":"rt"}'), FORM), "up")["sdp"] == text
    assert offer(text.encode(), SDP, b"model=rt").sdp == text


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"{}", b"application/json", "application/sdp"),
        (b"", SDP, "empty"),
        (b"\xff", SDP, "UTF-8"),
        (form(session="{}"), FORM, "no part `sdp`"),
        (form(sdp=""), FORM, "empty"),
        (form(sdp=OFFER, session="[]"), FORM, "JSON object"),
        (form(sdp=OFFER, session="{"), FORM, "JSON object"),
        (form(sdp=OFFER)[:-6], FORM, "form is malformed"),
    ],
)
def test_what_is_none_is_told_what_would_be(body: bytes, kind: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        offer(body, kind, b"model=rt")


def test_an_offer_without_end_and_a_page_of_another_origin_are_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        offer(bytes(MOST + 1))
    with pytest.raises(PermissionDenied):
        offer(OFFER.encode(), SDP, b"model=rt", (b"origin", b"https://evil.example"))


@pytest.mark.parametrize(
    "location",
    ["/v1/realtime/calls/rtc_1", "https://east.example/openai/v1/realtime/calls/rtc_1?a=b", "rtc_1", "/rtc_1/"],
)
def test_a_call_is_named_where_its_answer_lies(location: str) -> None:
    assert id_in([(b"x", b"y"), (b"location", location.encode())]) == "rtc_1"


@pytest.mark.parametrize("location", ["", "/", "/calls/a b", "/calls/" + "a" * 300])
def test_an_answer_that_names_no_call_is_none(location: str) -> None:
    with pytest.raises(UpstreamProtocolError):
        id_in([(b"location", location.encode())])

"""Signature Version 4, by AWS's own examples."""

import calendar
import time

from hypothesis import given
from hypothesis import strategies as st

from tianji.clock import ManualClock
from tianji.protocol.bedrock.signature import Keys, Scope, sealer, sign, sign_with

# The keys and the moment of AWS's test suite:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html
EXAMPLE = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
MOMENT = float(calendar.timegm(time.strptime("20150830T123600Z", "%Y%m%dT%H%M%SZ")))


def authorization(target: str, scope: Scope, content_type: str | None = None, method: str = "GET") -> str:
    found = dict(sign(EXAMPLE, scope, target, b"", now=MOMENT, method=method, content_type=content_type))
    assert found[b"x-amz-date"] == b"20150830T123600Z"
    return found[b"authorization"].decode()


def test_the_plainest_request_of_the_suite() -> None:
    assert authorization("/", Scope("example.amazonaws.com", "us-east-1", "service")) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_the_examples_of_s3() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html: two that have no other header."""
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    moment = float(calendar.timegm(time.strptime("20130524T000000Z", "%Y%m%dT%H%M%SZ")))
    scope = Scope("examplebucket.s3.amazonaws.com", "us-east-1", "s3")
    expected = {
        "/?lifecycle": "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        "/?max-keys=2&prefix=J": "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    }
    for target, signature in expected.items():
        found = dict(sign(keys, scope, target, b"", now=moment, method="GET", content_type=None))
        assert found[b"authorization"].endswith(
            f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}".encode()
        )
        assert found[b"x-amz-content-sha256"].startswith(b"e3b0c44298fc1c14")


def test_the_example_of_s3_that_puts_an_object() -> None:
    """The same page: the path is signed as it is sent, where others are encoded once more."""
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    moment = float(calendar.timegm(time.strptime("20130524T000000Z", "%Y%m%dT%H%M%SZ")))
    headers = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    scope = Scope("examplebucket.s3.amazonaws.com", "us-east-1", "s3")
    body = b"Welcome to Amazon S3."
    found = dict(sign_with(keys, scope, "/test%24file.text", body, now=moment, method="PUT", headers=headers))
    assert found[b"authorization"].endswith(b"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


def test_the_example_of_the_guide() -> None:
    said = authorization(
        "/?Action=ListUsers&Version=2010-05-08",
        Scope("iam.amazonaws.com", "us-east-1", "iam"),
        "application/x-www-form-urlencoded; charset=utf-8",
    )
    assert said.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_a_session_is_signed_and_sent() -> None:
    keys = Keys("A", "s", "token")
    scope = Scope("h", "eu-west-1", "bedrock")
    found = dict(sign(keys, scope, "/model/a%3A0/converse", b"{}", now=MOMENT, content_type="application/json"))
    assert found[b"x-amz-security-token"] == b"token"
    assert b"SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in found[b"authorization"]


def test_whatever_is_signed_counts() -> None:
    scope = Scope("h", "eu-west-1", "bedrock")
    kinds = [
        sign(EXAMPLE, scope, target, body, now=now, content_type=None)
        for target, body, now in (
            ("/a", b"", MOMENT),
            ("/b", b"", MOMENT),
            ("/a", b"x", MOMENT),
            ("/a", b"", MOMENT + 1),
            ("/a?b=1", b"", MOMENT),
        )
    ]
    assert len({dict(kind)[b"authorization"] for kind in kinds}) == 5


def test_secrets_do_not_show() -> None:
    assert repr(Keys("AKID", "very-secret", "token")) == "Keys(AKID)"


turns = st.tuples(
    st.sampled_from([0.0, 0.4, 1.0, 86_000.0, -90_000.0]),
    st.sampled_from([EXAMPLE, Keys("AKIDEXAMPLE", "another"), Keys("AKIDEXAMPLE", "another", "of a session")]),
    st.sampled_from(["/model/m/converse", "/model/m/converse-stream", "/?b=2&a=1"]),
    st.binary(max_size=80),
)


@given(st.lists(turns, max_size=12))
def test_a_deployment_signs_as_each_request_would_be(asked: list[tuple[float, Keys, str, bytes]]) -> None:
    clock, scope = ManualClock(MOMENT), Scope("h", "us-east-1", "bedrock")
    held = [EXAMPLE]
    signs = sealer(lambda: held[-1], scope, "POST", (("content-type", "application/json"),), clock)
    for seconds, keys, target, body in asked:
        clock.advance(seconds)
        held.append(keys)
        assert signs(target, body) == sign(keys, scope, target, body, now=clock.now(), content_type="application/json")


def test_a_deployment_of_many_targets() -> None:
    clock, scope = ManualClock(MOMENT), Scope("h", "us-east-1", "bedrock")
    signs = sealer(lambda: EXAMPLE, scope, "POST", (), clock)
    for target in [f"/{number}" for number in range(70)] * 2:
        assert signs(target, b"") == sign(EXAMPLE, scope, target, b"", now=MOMENT, content_type=None)

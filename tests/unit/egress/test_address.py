"""The address policy against the spellings and ranges that such filters have missed."""

import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.upstreams.origin import Origin
from tianji.egress.address import AddressPolicy, objection
from tianji.egress.resolver import Address
from tianji.errors import InvalidRequest, UpstreamConnectFailed

POLICY = AddressPolicy()

FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "104.18.7.192", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1111", "2a00:1450::1"]


def places(*addresses: str) -> list[Address]:
    return [Address(socket.AF_INET6 if ":" in a else socket.AF_INET, (a, 443)) for a in addresses]


def url_of(address: str) -> str:
    return f"https://[{address}]/x" if ":" in address else f"https://{address}/x"


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_forbidden_address_is_refused_in_a_url_and_behind_a_name(address: str) -> None:
    assert objection(ip_address(address))
    with pytest.raises(InvalidRequest, match="not public"):
        POLICY.accept(url_of(address))
    with pytest.raises(UpstreamConnectFailed, match=r"evil\.test"):
        POLICY.check(Origin("evil.test", 443), places("8.8.8.8", address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_accepted(address: str) -> None:
    assert objection(ip_address(address)) is None
    assert POLICY.accept(url_of(address)).port == 443
    assert POLICY.check(Origin("up.test", 443), places(address)) == places(address)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7F.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "127.0.0.0x1",
        "127.0.0.01",
        "1.2.3.4.5",
        "a.0x",
        "127.0.0.1.",
        "0",
    ],
)
def test_other_spellings_of_addresses_are_refused(host: str) -> None:
    with pytest.raises(InvalidRequest):
        POLICY.accept(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://up.test/",
        "file:///etc/passwd",
        "gopher://up.test/",
        "up.test/x",
        "//up.test/x",
        "https://",
        "https:///x",
        "",
        "https://user@up.test/",
        "https://user:secret@up.test/",
        "https://@up.test/",
        "https://up.test:0/",
        "https://up.test:65536/",
        "https://up.test:x/",
        "https://up.test\\@127.0.0.1/",
        "https://up.test /",
        "https://up.test/\r\nx: y",
        "https://up.test/\x00",
        "https://127%2e0.0.1/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://\u2460.\u2461.3.4/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://METADATA.google.internal./",
        "http://metadata/",
        "http://instance-data/latest/",
    ],
)
def test_urls_that_mislead_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        POLICY.accept(url)
    assert "secret" not in caught.value.message


def test_an_accepted_url_is_taken_apart() -> None:
    assert POLICY.accept("https://Up.Test/a?b")[1:] == ("https", "up.test", 443)
    assert POLICY.accept("http://up.test:8080")[1:] == ("http", "up.test", 8080)
    assert POLICY.accept("https://up.test./")[1:] == ("https", "up.test", 443)


def test_an_allowed_network_is_reached_in_every_spelling_and_no_other() -> None:
    policy = AddressPolicy((ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"):
        assert policy.check(Origin("in.test", 80), places(address))
        assert policy.accept(url_of(address))
    for address in ("10.2.0.1", "fd00:2::5", "127.0.0.1"):
        with pytest.raises(InvalidRequest):
            policy.accept(url_of(address))


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1/", "//169.254.169.254/latest", "file:///etc/passwd", "http://metadata/", "http://up.test/"],
)
def test_a_redirect_is_judged_again(location: str) -> None:
    with pytest.raises(InvalidRequest):
        POLICY.redirect(POLICY.accept("https://up.test/a/b"), location)


def test_a_redirect_chain_keeps_its_place() -> None:
    first = POLICY.accept("https://up.test/a/b")
    second = POLICY.redirect(first, "../c")
    assert second.url == "https://up.test/c"
    assert POLICY.redirect(second, "https://other.test:8443/d")[2:] == ("other.test", 8443)


@given(st.ip_addresses())
def test_wrapping_never_opens_a_door(address: object) -> None:
    real = ip_address(str(address))
    if real.version == 4:
        wrapped = [ip_address(f"::ffff:{real}"), ip_address(f"64:ff9b::{real}")]
        assert {objection(form) for form in wrapped} == {objection(real)}
    if not real.is_global:
        assert objection(real) or real in ip_network("64:ff9b::/96") or real.ipv4_mapped

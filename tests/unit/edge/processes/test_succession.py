"""What one process leaves to the next."""

import json
import os

import pytest

from tianji.edge.options import ServeOptions
from tianji.edge.processes.listeners import Listeners, url
from tianji.edge.processes.succession import VARIABLE, Inheritance, inherit
from tianji.errors import ConfigurationError


def options(workers: int, **more: object) -> ServeOptions:
    return ServeOptions(host="127.0.0.1", port=0, workers=workers, **more)


def test_without_a_predecessor_nothing_is_inherited():
    environ = {"HOME": "/"}
    assert inherit(environ) == Inheritance()
    assert environ == {"HOME": "/"}


def test_what_is_inherited_goes_no_further():
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    environ = {VARIABLE: json.dumps({"listeners": [], "ready": writer})}
    inheritance = inherit(environ)
    assert environ == {}
    assert not os.get_inheritable(writer)
    inheritance.announce()
    assert os.read(reader, 100) == b"ready"
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_predecessor_that_is_gone_need_not_be_told():
    reader, writer = os.pipe()
    os.close(reader)
    Inheritance(ready=writer).announce()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writer)


@pytest.mark.parametrize("left", ["", "7", "{]", '{"listeners": ["a"]}', '{"listeners": [99999]}', '{"ready": 99999}'])
def test_what_no_gateway_left_is_refused(left):
    with pytest.raises(ConfigurationError, match=f"{VARIABLE} is what .* unset it"):
        inherit({VARIABLE: left})


def copies(listeners: Listeners) -> Inheritance:
    return Inheritance(tuple(os.dup(descriptor) for descriptor in listeners.descriptors))


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_successor_serves_the_same_sockets_and_adds_what_it_lacks(number):
    old = Listeners(options(2))
    inheritance = copies(old)
    new = Listeners(options(number, inheritance=inheritance))
    assert new.port == old.port
    assert tuple(new.descriptors)[:2] == inheritance.listeners
    assert len(new.descriptors) == max(2, number)
    old.close()
    new.close()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_socket_has_somebody_who_accepts_from_it(number):
    old = Listeners(options(3))
    accepted = set()
    for worker in range(number):
        new = Listeners(options(number, inheritance=copies(old)))
        everything = list(new.descriptors)
        own = [everything.index(each.fileno()) for each in new.only_for(worker)]
        assert own[0] == worker
        assert [descriptor == -1 for descriptor in new.descriptors] == [at not in own for at in range(3)]
        accepted.update(own)
        new.close()
    old.close()
    assert accepted == {0, 1, 2}


@pytest.mark.parametrize(
    ("host", "certificate", "expected"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:80"),
        ("::1", "c.pem", "https://[::1]:80"),
        ("name", None, "http://name:80"),
    ],
)
def test_the_address_as_clients_write_it(host, certificate, expected):
    assert url(ServeOptions(host=host, certificate=certificate), 80) == expected

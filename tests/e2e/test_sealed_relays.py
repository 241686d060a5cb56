"""The sealed channel through nginx: as a relay, and as a load balancer that terminates TLS."""
import signal

import pytest

import ohttp_client as ohttp
import wire
from bhttp import ChannelError
from conftest import MODEL_NAME, Server
from nginx import Nginx, needs_nginx
from ohttp_client import NotSealed
from test_sealed import API_KEY, SECRET, chat, check_receipt, through
from test_server import metric, until

pytestmark = [pytest.mark.server, needs_nginx]


def digest_at(one):
    """Of the replica that this connection leads to."""
    one.connection.request("GET", "/v1/models")
    got = one.connection.getresponse()
    got.read()
    return got.headers["X-ACI-Keyset-Digest"]


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    """Stopped by their tests or here."""
    both = [Server(tmp_path_factory.mktemp("replica") / "state") for _ in range(2)]
    yield both
    for one in both:
        one.stop(signal.SIGKILL)


def test_a_relay_sees_no_plaintext_and_the_server_no_address(server, tmp_path):
    with Nginx(tmp_path / "nginx", [server], curious=True) as relay:
        one = through(relay, source="127.0.0.2")
        answers = []
        for request in (chat(key=API_KEY), chat(key=API_KEY, stream=True)):
            answers.append(one.send(request))
            assert answers[-1].status == 200
            assert b"Paris" in answers[-1].read()
            check_receipt(one, request, answers[-1], API_KEY)
        assert one.attestations == 1
        until(lambda: len(relay.accessed()) == 6, "all is logged")
    bodies, stored, log = relay.kept("bodies"), relay.kept("answers"), relay.accessed()
    assert len(bodies) == 4 and len(stored) == 6
    assert all(line.startswith("127.0.0.2 ") for line in log)
    assert [line.split()[2] for line in log] == [line.split()[2] for line in log[:2]] + \
        [ohttp.GATEWAY] * 4
    assert all(" auth=- " in line and " nonce=-" in line for line in log)
    seen = b"".join(bodies + [one for one in stored if b"workload_keyset" not in one])
    assert len(seen) > 6 * 512
    for word in (SECRET, API_KEY, "Paris", MODEL_NAME, "chat/completions", "messages",
                 answers[0].nonce, answers[0].headers["x-receipt-id"]):
        assert word.encode() not in seen and word not in "".join(log), word
    assert "127.0.0.2" not in server.logged()


def test_an_ordinary_relay_does_not_hold_streams_back(server, tmp_path):
    with Nginx(tmp_path / "nginx", [server]) as relay:
        one = through(relay)
        one.verify()
        answer = one.send(chat("Tell me a very long story.", stream=True, max_tokens=900))
        assert next(iter(answer)).startswith(b"data: ")
        assert len(relay.accessed()) == 2, "text is here, and the relay is not done"
        one.connection.close()
        until(lambda: metric(server, "confide_num_requests_running") == 0, "the slot is free")


def test_a_client_stays_with_the_replica_that_it_verified(replicas, tmp_path):
    with Nginx(tmp_path / "nginx", replicas, "hash $connection;") as balancer:
        # A connection leads to one replica for as long as it lasts.
        clients = [through(balancer)]
        while len({digest_at(one) for one in clients}) < 2:
            assert len(clients) < 40
            clients.append(through(balancer))
        for one in (clients[0], clients[-1]):
            for stream in (False, True):
                request = chat(stream=stream)
                answer = one.send(request)
                assert b"Paris" in answer.read()
                check_receipt(one, request, answer)
            assert one.attestations == 1
        assert clients[0].keyset != clients[-1].keyset


def test_a_client_that_is_led_elsewhere_verifies_again(replicas, tmp_path):
    with Nginx(tmp_path / "nginx", replicas, "hash $connection;") as balancer:
        one = through(balancer)
        one.verify()
        before, other = one.keyset, digest_at(one)
        for _ in range(40):
            one.connection = through(balancer).connection
            if digest_at(one) != other:
                break
        with pytest.raises(NotSealed) as refused:
            one.post(one.seal(chat()))
        assert refused.value.status == 422
        request = chat()
        answer = one.send(request)
        assert b"Paris" in answer.read()
        assert one.attestations == 2 and one.keyset != before
        check_receipt(one, request, answer)


def test_a_balancer_that_mixes_replicas_costs_service_and_nothing_else(replicas, tmp_path):
    with Nginx(tmp_path / "nginx", replicas, "random;", curious=True) as balancer:
        for _ in range(8):
            one = through(balancer)
            try:
                assert b"Paris" in one.send(chat(key=API_KEY)).read()
            except ChannelError:
                pass
            assert one.attestations <= 2
    for word in (SECRET, API_KEY):
        assert word.encode() not in b"".join(balancer.kept("bodies") + balancer.kept("answers"))


def test_a_replica_that_is_gone(replicas, tmp_path):
    with Nginx(tmp_path / "nginx", replicas, "hash $connection;") as balancer:
        one = through(balancer)
        one.verify()
        gone = next(each for each in replicas if wire.keyset(each) == one.keyset)
        gone.stop(signal.SIGKILL)
        request = chat()
        answer = one.send(request)
        assert b"Paris" in answer.read()
        assert one.attestations == 2
        check_receipt(one, request, answer)

"""The sealing key of a running server: published, attested, replaced each epoch."""
import struct

import pytest

import wire
from test_server import until

pytestmark = pytest.mark.server
GATEWAY = "/.well-known/ohttp-gateway"


def report(server):
    return wire.request(server, "GET", "/v1/aci/attestation").json()


def configuration(server):
    """The one key configuration, without the length before it."""
    answer = wire.request(server, "GET", GATEWAY)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/ohttp-keys"
    size, = struct.unpack_from(">H", answer.body)
    assert len(answer.body) == 2 + size
    return answer.body[2:]


def digests(keyset):
    return [entry["digest"] for entry in keyset["ohttp_key_configurations"]]


def test_the_configuration_is_the_one_that_is_attested(server):
    served = report(server)
    assert digests(served["attestation"]["workload_keyset"]) == [wire.sha256(configuration(server))]


def test_what_is_no_sealed_request_is_refused(server):
    def post(body, content_type):
        return wire.request(server, "POST", GATEWAY, body, {"Content-Type": content_type})

    assert post(b"{}", "application/json").status == 415
    refused = post(b"", "message/ohttp-req")
    assert refused.status == 400
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_an_epoch_replaces_the_sealing_key_and_nothing_else(start_server):
    server = start_server("--sealing-epoch", "2s")
    before = report(server)
    until(lambda: report(server)["workload_keyset_digest"] != before["workload_keyset_digest"],
          "a new keyset")
    until(lambda: "sealing key replaced" in server.logged(), "a line in the log")
    # Between two requests an epoch may end; soon there is a pair of one epoch.
    until(lambda: digests(report(server)["attestation"]["workload_keyset"]) ==
          [wire.sha256(configuration(server))], "a report that lists the configuration")
    after = report(server)
    old, new = before["attestation"]["workload_keyset"], after["attestation"]["workload_keyset"]
    assert digests(new) != digests(old)
    assert {**new, "ohttp_key_configurations": 0} == {**old, "ohttp_key_configurations": 0}
    assert after["workload_keyset_digest"] == wire.sha256(wire.jcs(new))
    assert after["attestation"]["evidence"]["quote"] != before["attestation"]["evidence"]["quote"]


def test_never_is_an_epoch_too(start_server):
    server = start_server("--sealing-epoch", "0")
    assert wire.request(server, "GET", GATEWAY).status == 200

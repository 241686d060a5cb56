"""Our path validation beside OpenSSL's strict mode, on thousands of paths of which most are wrong in something.

We may refuse what OpenSSL takes; each such difference is explained below. We never take what it refuses.
"""
import collections
import json
import os
import pathlib
import subprocess

import pytest
from OpenSSL import crypto

import chains

PATHS = 3000
FLAGS = crypto.X509StoreFlags
VERDICTS = pathlib.Path(os.environ.get("CONFIDE_BIN", "build/bin")) / "chain-verdicts"

# Why we refuse what OpenSSL takes, by the beginning of our reason.
STRICTER = {
    "X.509: unhandled critical CRL extension": "AWS-LC knows fewer of them; what is not known is refused",
    "X.509: Different CRL scope": "AWS-LC takes fewer kinds of lists that cover some certificates only",
    "X.509: a CRL that lists changes only": "it needs another list, and nobody publishes such ones here",
    "X.509: certificate revoked": "an entry is believed whatever extensions it has",
    "X.509: the chain is not the path to its root": "every certificate given must be needed, in its order",
    "X.509: basic constraints that are not critical": "RFC 5280, section 4.2.1.9",
    "X.509: an empty subject": "RFC 5280, section 4.1.2.6",
}


def by_openssl(path, root, crls):
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(root))
    for one in crls:
        store.add_crl(one)
    store.set_flags(FLAGS.X509_STRICT | ((FLAGS.CRL_CHECK | FLAGS.CRL_CHECK_ALL) if crls else 0))
    store.set_time(chains.NOW)
    context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(path[0]),
                                      [crypto.X509.from_cryptography(one) for one in path[1:]])
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as refused:
        return str(refused)
    return "ok"


@pytest.mark.parametrize("seed", [1, 2])
def test_no_path_is_taken_that_openssl_refuses(seed):
    maker = chains.Maker(seed)
    paths = [maker.path() for _ in range(PATHS)]
    requests = [{"path": [chains.der(one).hex() for one in path], "root": chains.der(root).hex(),
                 "crls": [chains.der(one).hex() for one in crls],
                 "at": int(chains.NOW.timestamp())} for path, root, crls in paths]
    ours = subprocess.run([VERDICTS], input="".join(json.dumps(r) + "\n" for r in requests),
                          capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()
    assert len(ours) == len(paths)
    counted = collections.Counter()
    for number, (mine, (path, root, crls)) in enumerate(zip(ours, paths)):
        theirs = by_openssl(path, root, crls)
        counted[(mine == "ok", theirs == "ok")] += 1
        assert mine != "ok" or theirs == "ok", (number, theirs)
        if mine != "ok" and theirs == "ok":
            assert mine.startswith(tuple(STRICTER)), (number, mine)
    assert counted[(True, True)] > PATHS / 5 and counted[(False, False)] > PATHS / 5, counted

"""NVIDIA's Python verifier, driven as tests/differential/go is: one JSON request a line on standard
input, one JSON answer a line on standard output.

    {"files":{"report":path,"chain":path,"driver_rim":path,"vbios_rim":path},"time":unix,
     "nonce":hex,"rounds":n}
    {"ok":bool,"error":text,"microseconds":mean}

It runs its local steps as its own main program does: report, certificate chain, firmware id, nonce,
versions, signature, both manifests with schema, chain and signature, measurements. Revocation, for
which it asks NVIDIA's service, is left out, and its certificate stores take the request's time.
"""
import datetime
import json
import logging
import os
import re
import sys
import tempfile
import time

os.chdir(tempfile.mkdtemp())  # it writes a log where it stands
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from OpenSSL import crypto  # noqa: E402

clock = {}
make_context = crypto.X509StoreContext.__init__


def context_of_that_time(self, store, *arguments):
    store.set_time(clock["now"])
    make_context(self, store, *arguments)


crypto.X509StoreContext.__init__ = context_of_that_time

from verifier.attestation import AttestationReport  # noqa: E402
from verifier.cc_admin_utils import CcAdminUtils  # noqa: E402
from verifier.config import HopperSettings  # noqa: E402
from verifier.rim import RIM  # noqa: E402
from verifier.utils import format_vbios_version  # noqa: E402
from verifier.verifier import Verifier  # noqa: E402

logging.disable(logging.CRITICAL)
CcAdminUtils.ocsp_certificate_chain_validation = staticmethod(
    lambda *_: (True, "", "good", None))


def text(opaque, name):
    return opaque.get_data(name).decode().rstrip("\0")


def appraise(files, nonce):
    settings = HopperSettings()
    report = AttestationReport(files["report"], settings)
    opaque = report.get_response_message().get_opaque_data()
    driver = text(opaque, "OPAQUE_FIELD_ID_DRIVER_VERSION")
    vbios = format_vbios_version(opaque.get_data("OPAQUE_FIELD_ID_VBIOS_VERSION"))
    fwid = opaque.get_data("OPAQUE_FIELD_ID_FWID").hex()
    chain = [crypto.load_certificate(crypto.FILETYPE_PEM, pem)
             for pem in re.findall(b"-----BEGIN.*?END CERTIFICATE-----", files["chain"], re.S)]
    ok, _, _ = CcAdminUtils.verify_gpu_certificate_chain(chain, settings, fwid)
    ok &= CcAdminUtils.verify_attestation_report(report, chain[0], nonce, driver, vbios, settings)
    driver_rim = RIM("driver", settings, content=files["driver_rim"].decode())
    ok &= driver_rim.verify(driver, settings)[0]
    vbios_rim = RIM("vbios", settings, content=files["vbios_rim"].decode())
    ok &= vbios_rim.verify(vbios.lower(), settings)[0]
    return ok and Verifier(report, driver_rim, vbios_rim, settings).verify(settings)


def serve(request):
    clock["now"] = datetime.datetime.fromtimestamp(request["time"], datetime.timezone.utc)
    files = {}
    for role, path in request["files"].items():
        with open(path, "rb") as file:
            files[role] = file.read()
    nonce = bytes.fromhex(request["nonce"])
    begin = time.perf_counter()
    for _ in range(request["rounds"]):
        if not appraise(files, nonce):
            return {"ok": False, "error": "refused", "microseconds": 0}
    spent = (time.perf_counter() - begin) / request["rounds"]
    return {"ok": True, "error": "", "microseconds": spent * 1e6}


for line in sys.stdin:
    try:
        answer = serve(json.loads(line))
    except Exception as error:  # every refusal of its own is an exception
        answer = {"ok": False, "error": repr(error), "microseconds": 0}
    print(json.dumps(answer), file=answers, flush=True)

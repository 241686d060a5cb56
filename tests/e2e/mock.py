"""Intel's PCS, AMD's KDS and NVIDIA's services on one loopback port, honest or not."""
import base64
import hashlib
import http.server
import json
import threading
import time
import urllib.parse


class Vendors:
    """Serves `answers`: path (with query) -> bytes, or (status, headers, bytes). `spoil` may change
    how an answer goes out; `asked` lists the paths."""

    def __init__(self, answers):
        vendors = self
        self.answers, self.asked, self.spoil = dict(answers), [], None

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                request = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                vendors.asked.append(self.path)
                found = vendors.answers.get(self.path, (404, {}, b"nothing here"))
                if callable(found):
                    found = found(request)
                status, headers, body = found if isinstance(found, tuple) else (200, {}, found)
                if vendors.spoil and vendors.spoil(self, status, headers, body):
                    return
                self.respond(status, headers, body)

            def respond(self, status, headers, body, size=None):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) if size is None else size))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def pcs(intel):
    """What a PCCS answers about this platform."""
    def with_chain(header, chain, body):
        return 200, {header: urllib.parse.quote(chain.decode())}, body

    tee = "tdx" if intel.tdx else "sgx"
    return {
        f"/{tee}/certification/v4/tcb?fmspc={intel.fmspc.hex()}":
            with_chain("TCB-Info-Issuer-Chain", intel.signing_chain, intel.tcb_info()),
        f"/{tee}/certification/v4/qe/identity":
            with_chain("SGX-Enclave-Identity-Issuer-Chain", intel.signing_chain,
                       intel.qe_identity()),
        "/sgx/certification/v4/pckcrl?ca=platform&encoding=der":
            with_chain("SGX-PCK-CRL-Issuer-Chain", intel.ca.pem + intel.root.pem,
                       intel.ca.crl(until=intel.crl_until)),
        "/sgx/certification/v4/rootcacrl": intel.root.crl(until=intel.crl_until).hex().encode()}


def kds(amd):
    return {amd.vcek_path: amd.vcek.der, "/vcek/v1/Milan/cert_chain": amd.ask.pem + amd.ark.pem,
            "/vcek/v1/Milan/crl": amd.ark.crl()}


def nvidia(folder, rim_ids):
    """NVIDIA's RIM service and OCSP responder, for what evidence-lab wrote."""
    from cryptography.x509 import ocsp
    answers = {}
    for rim_id in rim_ids:
        xml = (folder / ("driver_rim.xml" if "DRIVER" in rim_id else "vbios_rim.xml")).read_bytes()
        answers[f"/v1/rim/{rim_id}"] = json.dumps({
            "id": rim_id, "rim": base64.b64encode(xml).decode(),
            "sha256": hashlib.sha256(xml).hexdigest()}).encode()
    known = {ocsp.load_der_ocsp_response(p.read_bytes()).serial_number: p.read_bytes()
             for p in (folder / "ocsp").iterdir()}
    answers["/"] = lambda request: known.get(
        ocsp.load_der_ocsp_request(request).serial_number, (404, {}, b""))
    return answers


# Ways in which a service misbehaves; each takes over the answer.

def slow(handler, *_):
    time.sleep(30)
    return True


def endless(handler, status, headers, body):
    handler.respond(status, headers, body + b" " * (5 << 20))
    return True


def truncated(handler, status, headers, body):
    handler.respond(status, headers, body[:len(body) // 2], size=len(body))
    handler.close_connection = True
    return True


def redirect(handler, *_):
    handler.respond(302, {"Location": "https://example.com/"}, b"")
    return True


def status(code):
    def answer(handler, *_):
        handler.respond(code, {}, b"<html>")
        return True
    return answer


def hangs_up(handler, *_):
    handler.close_connection = True
    handler.connection.close()
    return True


def html(handler, _, headers, body):
    handler.respond(200, headers, b"<html>Maintenance</html>")
    return True


def once(spoil):
    """Misbehaves the first time only."""
    left = [spoil]

    def answer(*arguments):
        return left.pop()(*arguments) if left else False
    return answer

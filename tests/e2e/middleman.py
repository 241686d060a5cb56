"""A relay that terminates TLS with a key of its own, as a dishonest load balancer would."""
import datetime
import http.server
import ipaddress
import ssl
import tempfile
import threading
import types

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import wire


def self_signed():
    """A certificate and key in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "middleman")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.SubjectAlternativeName(
                       [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
                   .sign(key, hashes.SHA256()))
    return (key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM))


def answer(status, body=b"", **headers):
    """Made up; `content_type` becomes Content-Type."""
    return types.SimpleNamespace(status=status, body=body, headers={
        name.replace("_", "-").title(): value for name, value in headers.items()})


class Middleman:
    """Relays to `server` and remembers all that clients sent.

    Answers go through `change`. `act` decides instead what becomes of a request: it is given its method,
    path and body, and what passes it on, as it is or with another body.
    """

    def __init__(self, server, change=lambda path, body: body,
                 act=lambda method, path, body, pass_on: pass_on()):
        relay = self
        self.seen = b""

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                relay.seen += (self.requestline + "\n" + str(self.headers)).encode() + body

                def pass_on(other=None, method=self.command):
                    return wire.request(server, method, self.path, other or body or None,
                                        {k: v for k, v in self.headers.items()
                                         if k.lower() not in ("host", "content-length")})

                got = act(self.command, self.path, body, pass_on)
                sent = change(self.path, got.body)
                self.send_response(got.status)
                for name, value in got.headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent) + getattr(got, "withheld", 0)))
                self.end_headers()
                self.wfile.write(sent)
                self.close_connection = hasattr(got, "withheld")

            do_GET = do_POST = do

            def log_message(self, *arguments):
                pass

        self.listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as pem:
            pem.write(self_signed())
            pem.flush()
            context.load_cert_chain(pem.name)
        self.listener.socket = context.wrap_socket(self.listener.socket, server_side=True)
        self.port = self.listener.server_port
        self.url = f"https://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown()
        self.listener.server_close()

"""nginx as others would run it: a relay, or a load balancer that terminates TLS."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import ROOT
from middleman import self_signed

NGINX = shutil.which("nginx", path=f"{ROOT}/build/nginx/usr/sbin:{os.environ['PATH']}:/usr/sbin")
needs_nginx = pytest.mark.skipif(not NGINX, reason="SKIPPED: nginx is not installed")

# `curious` keeps all that it gets: request bodies, answers, headers.
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
  log_format all '$remote_addr $request $status $request_length $bytes_sent'
                 ' auth=$http_authorization type=$content_type cookie=$http_cookie'
                 ' nonce=$http_confide_nonce';
  access_log {folder}/access.log all;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 32m;
  proxy_http_version 1.1;
  proxy_ssl_verify off;
  proxy_ssl_protocols TLSv1.3;
  proxy_read_timeout 100s;
  upstream replicas {{ {balance} {servers} }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {folder}/pem;
    ssl_certificate_key {folder}/pem;
    location / {{ proxy_pass https://replicas; {curious} }}
  }}
}}
"""
CURIOUS = """client_body_in_file_only on; proxy_ignore_headers X-Accel-Buffering;
proxy_store {folder}/answers/$request_id;"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    """In front of `servers`; `balance` says which of them gets a request."""

    def __init__(self, folder, servers, balance="", curious=False):
        self.folder = pathlib.Path(folder)
        (self.folder / "answers").mkdir(parents=True)
        self.certificate = self.folder / "pem"
        self.certificate.write_bytes(self_signed())
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        (self.folder / "nginx.conf").write_text(CONFIGURATION.format(
            folder=self.folder, port=self.port, balance=balance,
            servers=" ".join(f"server 127.0.0.1:{one.port};" for one in servers),
            curious=CURIOUS.format(folder=self.folder) if curious else ""))

    def __enter__(self):
        # In tests run by root the worker would be `nobody`, who cannot write here.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf",
             "-e", self.folder / "error.log", *user],
            stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def __exit__(self, *exception):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def accessed(self):
        return (self.folder / "access.log").read_text().splitlines()

    def kept(self, folder):
        return [path.read_bytes() for path in sorted((self.folder / folder).rglob("*"))
                if path.is_file()]

#include "proxy/page.h"

#include "base/base64.h"
#include "crypto/hash.h"

namespace confide::proxy {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>confide proxy</title>
<style>
  :root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --line: #8884; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; margin: 0; }
  h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
  code { font-size: .85em; overflow-wrap: anywhere; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
           vertical-align: top; font-variant-numeric: tabular-nums; }
  th { font-weight: 600; }
  .good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
  .scroll { overflow-x: auto; }
  #state { margin: .25rem 0 0; }
</style>
<h1>confide proxy</h1>
<p id="state" role="status">Asking&hellip;</p>
<h2>Services</h2>
<div class="scroll"><table id="services"><thead><tr><th>Service<th>Models<th>Verified<th>Keyset
<th>Valid until<tbody></table></div>
<h2>Receipts</h2>
<div class="scroll"><table id="receipts"><thead><tr><th>No.<th>Time<th>Model<th>Receipt<th>Result
<tbody></table></div>
<p>The whole list: <code>confide receipts list</code></p>
<script>)";

// Values enter the page as text alone.
// clang-format off: it takes the script for C++.
constexpr std::string_view kScript = R"js(
"use strict";
const cell = (row, text, kind) => {
  const td = row.insertCell();
  td.textContent = text;
  if (kind) td.className = kind;
};
const fill = (id, items, draw) => {
  const body = document.createElement("tbody");
  for (const item of items) draw(body.insertRow(), item);
  document.querySelector("#" + id + " tbody").replaceWith(body);
};
const show = (s) => {
  const state = document.getElementById("state");
  const bad = s.receipts.failed > 0;
  state.className = bad ? "bad" : "good";
  state.textContent = s.requests.total + " requests, " + s.requests.under_way + " under way, " +
    s.requests.refused + " refused; " + s.receipts.verified + " receipts verified, " +
    s.receipts.failed + " failed";
  fill("services", s.services, (row, x) => {
    cell(row, x.url);
    cell(row, x.models.length ? x.models.join(", ") : "all");
    cell(row, x.verified_at + (x.simulated ? " (SIMULATED)" : ""), x.simulated ? "bad" : "good");
    cell(row, x.keyset);
    cell(row, x.not_after);
  });
  fill("receipts", s.recent, (row, x) => {
    cell(row, x.id || "-");
    cell(row, x.at);
    cell(row, x.model);
    cell(row, x.receipt_id);
    cell(row, x.verified ? "verified" : "FAILED: " + x.check, x.verified ? "good" : "bad");
  });
};
const ask = async () => {
  try {
    show(await (await fetch("/confide/status.json")).json());
  } catch {
    const state = document.getElementById("state");
    state.className = "bad";
    state.textContent = "The proxy does not answer.";
  }
  setTimeout(ask, 2000);
};
ask();
)js";
// clang-format on

constexpr std::string_view kTail = "</script>\n</html>\n";

}  // namespace

net::HttpResponse status_page() {
  const std::string script = to_base64(crypto::sha256(as_bytes(kScript)));
  net::HttpResponse page;
  page.headers.set("Content-Type", "text/html; charset=utf-8");
  page.headers.set("Content-Security-Policy",
                   "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; "
                   "script-src 'sha256-" +
                       script + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
  page.headers.set("Cache-Control", "no-store");
  page.headers.set("X-Content-Type-Options", "nosniff");
  page.headers.set("Referrer-Policy", "no-referrer");
  page.body.append(kHead).append(kScript).append(kTail);
  return page;
}

}  // namespace confide::proxy

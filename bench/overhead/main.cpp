// What it costs to ask a server, by the clock of a client that does as little as it can: requests
// are sealed before the clock starts, and answers opened after it has stopped. One JSON document:
//
//   overhead-bench ask    {"p50_us":..,"p99_us":..,"per_second":..,"late":n,"events":n}
//   overhead-bench bare {"request_us":..,"signature_us":..,"e2ee_chunk_us":..,"ohttp_chunk_us":..}
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/json.h"
#include "bench/timing.h"
#include "crypto/aead.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "net/client.h"
#include "seal/e2ee.h"
#include "seal/ohttp_exchange.h"

namespace confide {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

using bench::give_up;
using bench::must;

struct Options {
  std::string url;
  std::string field_key;  // hex: fields are sealed to it (E2EE version 2)
  std::string ohttp_key;  // hex of a key configuration: everything is sealed to it
  std::string prompt = std::string(200, 'x');
  int connections = 8;
  int count = 10'000;
  double per_second = 2000;
  int max_tokens = 16;
  bool stream = false;
};

// A request, and what opens its answer.
struct Asked {
  net::HttpRequest request;
  std::optional<seal::ClientExchange> fields;
  std::optional<seal::AnswerReader> whole;
};

Asked seal_fields(const Options& options, Json body) {
  Asked out;
  out.fields = must(
      seal::ClientExchange::start(seal::Suite::x25519, options.field_key, SystemClock{}.now()));
  must(out.fields->seal_request(body, seal::Endpoint::chat_completions));
  for (auto& [name, value] : out.fields->headers()) out.request.headers.add(name, value);
  out.request.body = json::compact(body);
  return out;
}

Asked seal_whole(const Options& options, std::string body) {
  const auto config = must(seal::parse_key_config(must(from_hex(options.ohttp_key))));
  auto sealed = must(
      seal::seal_exchange(config,
                          {.authority = "127.0.0.1",
                           .path = "/v1/chat/completions",
                           .fields = {{"content-type", "application/json"}},
                           .content = std::move(body)},
                          {.now = SystemClock{}.now(), .nonce = to_hex(crypto::random_bytes(32))}));
  Asked out;
  out.request.path = seal::kOhttpPath;
  out.request.headers.add("Content-Type", std::string(request_type(seal::OhttpForm::chunked)));
  out.request.body.assign(as_text(sealed.capsule));
  out.whole.emplace(std::move(sealed.answer));
  return out;
}

Asked make_request(const Options& options) {
  Json body = {{"model", "stub"},
               {"stream", options.stream},
               {"max_tokens", options.max_tokens},
               {"messages", {{{"role", "user"}, {"content", options.prompt}}}}};
  Asked out;
  if (!options.ohttp_key.empty()) {
    out = seal_whole(options, body.dump());
  } else if (!options.field_key.empty()) {
    out = seal_fields(options, std::move(body));
  } else {
    out.request.body = body.dump();
  }
  out.request.method = "POST";
  if (out.request.path.empty()) {
    out.request.path = "/v1/chat/completions";
    out.request.headers.add("Content-Type", "application/json");
  }
  return out;
}

int count_events(std::string_view stream) {
  int events = 0;
  for (std::size_t at = 0; (at = stream.find("\n\n", at)) != std::string_view::npos; at += 2) {
    ++events;
  }
  return events;
}

// How many events of content it has; not an answer at all is an error.
int check_answer(const Options& options, Asked& asked, const net::HttpResponse& response) {
  std::string body = response.body;
  int status = response.status;
  if (asked.whole && status == 200) {
    body = must(asked.whole->feed(as_bytes(response.body)));
    body += must(asked.whole->finish());
    status = asked.whole->head().status;
  }
  if (status != 200) give_up(fmt::format("answered {}: {}", status, body));
  if (options.stream) return count_events(body);
  Json answer = must(json::parse(body));
  if (asked.fields) must(asked.fields->open_body(answer));
  if (answer.at("/choices/0/message/content"_json_pointer).get<std::string>().empty()) {
    give_up("an answer has no content");
  }
  return 0;
}

struct Measured {
  std::vector<double> micros;
  int late = 0;  // sent after their time, since the answer before them was still awaited
  int events = 0;
};

// Asks at an even pace. Whoever is late counts from when it should have asked.
Measured ask_all(const Options& options, int first, std::barrier<>& start) {
  const auto url = must(net::parse_url_or_loopback(options.url));
  const auto connection = must(net::Connection::open(url, std::nullopt));
  std::vector<Asked> requests;
  for (int i = first; i < options.count; i += options.connections) {
    requests.push_back(make_request(options));
  }
  Asked warm = make_request(options);
  check_answer(options, warm, must(connection->send(warm.request)));
  Measured out;
  start.arrive_and_wait();
  const auto begin = Clock::now();
  const Microseconds apart(1e6 / options.per_second);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto turn = static_cast<double>(first) +
                      static_cast<double>(i) * static_cast<double>(options.connections);
    const auto due = begin + std::chrono::duration_cast<Clock::duration>(apart * turn);
    const bool late = Clock::now() > due;
    if (!late) std::this_thread::sleep_until(due);
    const auto sent = late ? due : Clock::now();
    const auto response = must(connection->send(requests[i].request));
    out.micros.push_back(Microseconds(Clock::now() - sent).count());
    out.late += late ? 1 : 0;
    if (options.stream || i % 64 == 0) {
      out.events += check_answer(options, requests[i], response);
    } else if (response.status != 200) {
      give_up(fmt::format("answered {}: {}", response.status, response.body));
    }
  }
  return out;
}

double quantile(std::vector<double>& sorted, double which) {
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(which * static_cast<double>(sorted.size())))];
}

Json ask(const Options& options) {
  prctl(PR_SET_TIMERSLACK, 1);  // sleeps end when they should; threads inherit it
  std::vector<Measured> each(static_cast<std::size_t>(options.connections));
  std::barrier start(options.connections + 1);
  std::vector<std::thread> threads;
  for (int i = 0; i < options.connections; ++i) {
    threads.emplace_back(
        [&, i] { each[static_cast<std::size_t>(i)] = ask_all(options, i, start); });
  }
  start.arrive_and_wait();
  const auto begin = Clock::now();
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  Measured all;
  for (const Measured& one : each) {
    all.micros.insert(all.micros.end(), one.micros.begin(), one.micros.end());
    all.late += one.late;
    all.events += one.events;
  }
  std::ranges::sort(all.micros);
  return {{"p50_us", quantile(all.micros, 0.5)},
          {"p99_us", quantile(all.micros, 0.99)},
          {"per_second", static_cast<double>(all.micros.size()) / seconds},
          {"late", all.late},
          {"events", all.events}};
}

// Microseconds of one call: the median of several rounds.
double time_of(const std::function<void()>& call) {
  std::vector<double> rounds;
  for (int i = 0; i < bench::kRounds; ++i) rounds.push_back(bench::one_round(call));
  return bench::median(std::move(rounds));
}

// What nobody can leave out: for a field its own agreement and keys, the bytes, the receipt's hash
// of them, and TLS around it all. A chunk is an event as it is on the wire.
Json bare() {
  constexpr std::size_t kField = 16;
  constexpr std::size_t kEvent = 520;
  const auto own = crypto::X25519Key::generate();
  const auto peer = crypto::X25519Key::generate();
  const SecretBytes key(32);
  crypto::AeadSequence tls(crypto::Aead::aes_256_gcm, key, {});
  crypto::AeadSequence channel(crypto::Aead::aes_128_gcm, SecretBytes(16), {});
  crypto::Sha256Stream receipt;
  const auto signer = crypto::Ed25519Key::generate();
  const Bytes event(kEvent), document(1000);
  const auto open_field = [&] {
    const auto shared = must(own.agree(peer.public_key()));
    crypto::hkdf_sha256({}, shared, "field", 32);
  };
  const auto seal_field = [&] {
    const auto ephemeral = crypto::X25519Key::generate();
    const auto shared = must(ephemeral.agree(peer.public_key()));
    crypto::aes256gcm_seal(crypto::hkdf_sha256({}, shared, "field", 32), {}, {}, Bytes(kField));
  };
  const auto send = [&] {
    receipt.update(event);
    must(tls.seal({}, event));
  };
  return {{"request_us", time_of([&] {
             open_field();
             seal_field();
             signer.sign(document);
             send();
           })},
          {"signature_us", time_of([&] { signer.sign(document); })},
          {"e2ee_chunk_us", time_of([&] {
             seal_field();
             send();
           })},
          {"tls_chunk_us", time_of(send)},
          {"ohttp_chunk_us", time_of([&] {
             must(channel.seal({}, event));
             send();
           })}};
}

}  // namespace
}  // namespace confide

int main(int argc, char** argv) {
  confide::Options options;
  CLI::App app{"Asks confide-stub-server at an even pace and measures how long each answer takes."};
  app.require_subcommand(1);
  auto* const ask = app.add_subcommand("ask", "chat completions, on connections that stay open");
  ask->add_option("--url", options.url)->required();
  ask->add_option("--field-key", options.field_key, "hex of the X25519 key for E2EE version 2");
  ask->add_option("--ohttp-key", options.ohttp_key, "hex of a key configuration");
  ask->add_option("--connections", options.connections)->check(CLI::Range(1, 1000));
  ask->add_option("--count", options.count)->check(CLI::Range(1, 1'000'000));
  ask->add_option("--per-second", options.per_second)->check(CLI::Range(1.0, 1e6));
  ask->add_option("--max-tokens", options.max_tokens)->check(CLI::Range(1, 1 << 20));
  ask->add_flag("--stream", options.stream);
  app.add_subcommand("bare", "the cryptography that nobody can leave out");
  CLI11_PARSE(app, argc, argv);
  fmt::print("{}\n", (ask->parsed() ? confide::ask(options) : confide::bare()).dump());
  return 0;
}

// tests/vectors/ohttp.json, for other implementations: made here with fixed keys, and compared with
// what is there. With CONFIDE_WRITE_VECTORS set in the environment the file is written instead.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "seal/ohttp_gateway.h"

namespace confide::seal {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;

crypto::X25519Key key(std::uint8_t byte) {
  return crypto::X25519Key::from_scalar(SecretBytes::copy_of(Bytes(32, byte))).value();
}

GatewayKey gateway() { return GatewayKey(1, key(0x11)); }

Bytes nonce(crypto::Aead aead) { return Bytes(answer_nonce_size(aead), 0x33); }

Json fields_json(const HttpFields& fields) {
  Json out = Json::array();
  for (const HttpField& field : fields) out.push_back(Json::array({field.name, field.value}));
  return out;
}

struct Case {
  std::string name;
  OhttpForm form;
  crypto::Aead aead;
  Padding padding;
  std::uint8_t ephemeral;  // each byte of the client's secret key
};

InnerRequest request_of(const Case& which) {
  InnerRequest request{
      .authority = "model.example",
      .path = "/v1/chat/completions",
      .fields = {{"authorization", "Bearer sk-example"}, {"content-type", "application/json"}},
      .content = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})"};
  if (which.form == OhttpForm::chunked) request.content.insert(1, R"("stream":true,)");
  return request;
}

// The request's side of a case, as both ends have it.
struct Sent {
  SealedExchange exchange;
  OpenedCapsule opened;
  Json json = Json::object();
};

Sent send(const Case& which) {
  const InnerRequest request = request_of(which);
  auto exchange = seal_exchange(gateway().config(), request,
                                {.form = which.form,
                                 .aead = which.aead,
                                 .padding = which.padding,
                                 .now = from_unix(kNow),
                                 .nonce = std::string(64, 'c')},
                                key(which.ephemeral))
                      .value();
  auto opened = open_request(gateway(), which.form, exchange.capsule).value();
  Sent out{.exchange = std::move(exchange), .opened = std::move(opened)};
  out.json["name"] = which.name;
  out.json["request_type"] = request_type(which.form);
  out.json["response_type"] = response_type(which.form);
  out.json["aead_id"] = static_cast<int>(which.aead);
  out.json["padding"] = to_string(which.padding);
  out.json["ephemeral_secret"] = to_hex(Bytes(32, which.ephemeral));
  const InnerRequest read = decode_request(out.opened.message).value();
  out.json["request"] = Json{{"method", read.method},
                             {"scheme", read.scheme},
                             {"authority", read.authority},
                             {"path", read.path},
                             {"fields", fields_json(read.fields)},
                             {"content", read.content}};
  out.json["request_message"] = to_hex(out.opened.message);
  out.json["encapsulated_request"] = to_hex(out.exchange.capsule);
  out.json["response_nonce"] = to_hex(nonce(which.aead));
  return out;
}

AnswerSecret copy_of(const AnswerSecret& secret) {
  return {
      .form = secret.form, .aead = secret.aead, .enc = secret.enc, .secret = secret.secret.clone()};
}

// The answer's side: what was sealed in which steps, and what a client must make of it.
void add_answer(Sent& sent, const std::vector<Bytes>& steps) {
  AnswerOpener opener(copy_of(sent.opened.answer));
  Json plaintexts = Json::array();
  Bytes whole;
  std::string content;
  for (const Bytes& step : steps) {
    append(whole, step);
    const Bytes plaintext = opener.feed(step).value();
    if (!plaintext.empty()) plaintexts.push_back(to_hex(plaintext));
    content += sent.exchange.answer.feed(step).value();
  }
  plaintexts.push_back(to_hex(opener.finish().value()));
  content += sent.exchange.answer.finish().value();
  const InnerResponse& head = sent.exchange.answer.head();
  sent.json["response_plaintexts"] = std::move(plaintexts);
  sent.json["encapsulated_response"] = to_hex(whole);
  sent.json["response"] = Json{{"status", head.status},
                               {"fields", fields_json(head.fields)},
                               {"content", content},
                               {"trailers", fields_json(head.trailers)}};
}

Json complete_case(const Case& which, const InnerResponse& response) {
  Sent sent = send(which);
  AnswerWriter writer(AnswerSealer(sent.opened.answer, nonce(which.aead)), which.padding);
  add_answer(sent, {writer.respond(response).value()});
  return std::move(sent.json);
}

Json streamed_case(const Case& which) {
  Sent sent = send(which);
  AnswerWriter writer(AnswerSealer(sent.opened.answer, nonce(which.aead)), which.padding);
  std::vector<Bytes> steps;
  steps.push_back(
      writer.start({.status = 200, .fields = {{"content-type", "text/event-stream"}}}).value());
  steps.push_back(writer.write(as_bytes("data: {\"n\":1}\n\n")).value());
  if (which.padding == Padding::constant) steps.push_back(writer.idle().value());
  steps.push_back(writer.write(as_bytes("data: [DONE]\n\n")).value());
  steps.push_back(writer.finish().value());
  add_answer(sent, steps);
  return std::move(sent.json);
}

// Answers to the unpadded stream that a client must refuse, with the reason.
Json refused_answers(const Case& which) {
  Sent sent = send(which);
  AnswerWriter writer(AnswerSealer(sent.opened.answer, nonce(which.aead)), which.padding);
  const Bytes start = writer.start({.status = 200}).value();
  const Bytes one = writer.write(as_bytes("one")).value();
  const Bytes two = writer.write(as_bytes("two")).value();
  const Bytes last = writer.finish().value();
  const auto entry = [](const char* why, std::initializer_list<Bytes> parts) {
    Bytes out;
    for (const Bytes& part : parts) append(out, part);
    return Json{{"why", why}, {"encapsulated_response", to_hex(out)}};
  };
  Json answers = Json::array(
      {entry("truncated: no final chunk", {start, one, two}),
       entry("a chunk left out", {start, two, last}),
       entry("chunks reordered", {start, two, one, last}),
       entry("a chunk repeated", {start, one, one, two, last}),
       entry("bytes after the final chunk", {start, one, two, last, {0}}),
       entry("a chunk announced too long", {start, one, from_hex("bfffffff").value()})});
  for (const Json& answer : answers) {
    AnswerReader reader(copy_of(sent.opened.answer));
    const auto bytes = from_hex(answer["encapsulated_response"].get<std::string>()).value();
    EXPECT_FALSE(reader.feed(bytes) && reader.finish()) << answer["why"];
  }
  sent.json["refused_responses"] = std::move(answers);
  return std::move(sent.json);
}

Json make_vectors() {
  using crypto::Aead;
  const auto server = gateway();
  Json out = Json::object();
  out["key_secret"] = to_hex(Bytes(32, 0x11));
  out["key_configuration"] = to_hex(server.encoded());
  out["key_configurations_document"] = to_hex(join_key_configs({server.encoded()}));
  out["digest"] = key_config_digest(server.encoded());
  const InnerResponse answer{.status = 200,
                             .fields = {{"content-type", "application/json"}},
                             .content = R"({"object":"chat.completion"})"};
  const InnerResponse problem{.status = status_of(GatewayProblem::retired_key),
                              .fields = {{"content-type", std::string(kProblemType)},
                                         {"date", to_http_date(from_unix(kNow))},
                                         {"cache-control", "no-store"}},
                              .content = problem_body(GatewayProblem::retired_key)};
  out["exchanges"] = Json::array({complete_case({"complete, unpadded", OhttpForm::whole,
                                                 Aead::aes_128_gcm, Padding::none, 0x21},
                                                answer),
                                  complete_case({"complete, chunked, bucketed", OhttpForm::chunked,
                                                 Aead::aes_128_gcm, Padding::bucketed, 0x22},
                                                answer),
                                  complete_case({"retired key", OhttpForm::chunked,
                                                 Aead::aes_128_gcm, Padding::bucketed, 0x23},
                                                problem),
                                  streamed_case({"streamed, unpadded", OhttpForm::chunked,
                                                 Aead::chacha20_poly1305, Padding::none, 0x24}),
                                  streamed_case({"streamed, bucketed", OhttpForm::chunked,
                                                 Aead::aes_128_gcm, Padding::bucketed, 0x25}),
                                  streamed_case({"streamed, constant", OhttpForm::chunked,
                                                 Aead::aes_128_gcm, Padding::constant, 0x26}),
                                  refused_answers({"refused answers", OhttpForm::chunked,
                                                   Aead::aes_128_gcm, Padding::none, 0x27})});
  return out;
}

TEST(OhttpVectors, AreWhatWeMake) {
  const std::string made = make_vectors().dump(1) + "\n";
  if (std::getenv("CONFIDE_WRITE_VECTORS") != nullptr) {
    std::ofstream(CONFIDE_OHTTP_VECTORS) << made;
    GTEST_SKIP() << "written";
  }
  std::ifstream file(CONFIDE_OHTTP_VECTORS);
  std::ostringstream published;
  published << file.rdbuf();
  EXPECT_EQ(published.str(), made);
}

}  // namespace
}  // namespace confide::seal

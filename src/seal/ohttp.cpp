#include "seal/ohttp.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "base/ascii.h"
#include "base/wipe_on_exit.h"
#include "crypto/random.h"
#include "seal/ohttp_chunks.h"

namespace confide::seal {
namespace {

using crypto::Aead;

constexpr std::string_view kFinal = "final";  // associated data of the final chunk
constexpr std::size_t kHeaderSize = 7;
// Rule O5. How many chunks of a request may have a plaintext smaller than this: each costs a good
// deal of what a large one does.
constexpr std::size_t kSmallChunk = 1024;
constexpr std::size_t kMaxSmallChunks = 4096;

std::string_view request_label(OhttpForm form) {
  return form == OhttpForm::whole ? "message/bhttp request" : "message/bhttp chunked request";
}

std::string_view response_label(OhttpForm form) {
  return form == OhttpForm::whole ? "message/bhttp response" : "message/bhttp chunked response";
}

Bytes header_of(std::uint8_t key_id, Aead aead) {
  Bytes out{key_id};
  append_u16be(out, crypto::kHpkeKemX25519);
  append_u16be(out, crypto::kHpkeKdfSha256);
  append_u16be(out, static_cast<std::uint16_t>(aead));
  return out;
}

// RFC 9458, section 4.3.
Bytes info_of(OhttpForm form, ByteView header) {
  Bytes out = to_bytes(as_bytes(request_label(form)));
  out.push_back(0);
  append(out, header);
  return out;
}

AnswerSecret secret_of(const crypto::HpkeContext& context, OhttpForm form, Aead aead,
                       const crypto::X25519Public& enc) {
  return {.form = form,
          .aead = aead,
          .enc = enc,
          .secret = context.export_secret(response_label(form), answer_nonce_size(aead))};
}

// RFC 9458, section 4.4; the whole form is the first message of the sequence.
crypto::AeadSequence answer_keys(const AnswerSecret& secret, ByteView nonce) {
  Bytes salt = to_bytes(secret.enc);
  append(salt, nonce);
  const SecretBytes prk = crypto::hkdf_sha256_extract(salt, secret.secret);
  const SecretBytes base = crypto::hkdf_sha256_expand(prk, "nonce", crypto::kAeadNonceSize);
  crypto::AeadNonce base_nonce{};
  std::ranges::copy(base.reveal(), base_nonce.begin());
  return {secret.aead, crypto::hkdf_sha256_expand(prk, "key", crypto::key_size(secret.aead)),
          base_nonce};
}

// What both sealers do once their first bytes are known; `seal` is of the HPKE context or sequence.
template <class Messages>
Result<Bytes> seal_part(OhttpForm form, Bytes& unsent, Messages& messages, ByteView plaintext) {
  if (form == OhttpForm::whole) return fail(Errc::internal, "OHTTP: not a chunked message");
  if (plaintext.size() > kMaxChunk) return fail(Errc::limit, "OHTTP (O5): chunk too long");
  TRY_ASSIGN(const Bytes sealed, messages.seal({}, plaintext));
  Bytes out = std::exchange(unsent, {});
  append_chunk(out, sealed, /*final=*/false);
  return out;
}

template <class Messages>
Result<Bytes> seal_rest(OhttpForm form, Bytes& unsent, Messages& messages, ByteView plaintext) {
  Bytes out;
  if (form == OhttpForm::whole) {
    TRY_ASSIGN(const Bytes sealed, messages.seal({}, plaintext));
    out = std::exchange(unsent, {});
    append(out, sealed);
    return out;
  }
  out.reserve(unsent.size() + plaintext.size() + plaintext.size() / 512 + 64);
  while (plaintext.size() > kMaxChunk) {
    TRY_ASSIGN(const Bytes part, seal_part(form, unsent, messages, plaintext.first(kMaxChunk)));
    append(out, part);
    plaintext = plaintext.subspan(kMaxChunk);
  }
  TRY_ASSIGN(const Bytes sealed, messages.seal(as_bytes(kFinal), plaintext));
  append(out, std::exchange(unsent, {}));
  append_chunk(out, sealed, /*final=*/true);
  return out;
}

// Opens the chunks that are there, and the final one. At most `max_small` may be small.
template <class Messages>
Status open_chunks(ChunkReader& chunks, Messages& messages, std::size_t max_small, Bytes& out) {
  while (true) {
    TRY_ASSIGN(const auto sealed, chunks.next());
    if (!sealed) break;
    if (sealed->size() < kSmallChunk + crypto::kAeadTagSize && max_small-- == 0) {
      return fail(Errc::limit, "OHTTP (O5): too many small chunks");
    }
    TRY_ASSIGN(Bytes plaintext, messages.open({}, *sealed));
    const WipeOnExit wiped(plaintext);
    append(out, plaintext);
  }
  chunks.compact();
  return {};
}

template <class Messages>
Result<Bytes> open_final(ChunkReader& chunks, Messages& messages) {
  TRY_ASSIGN(const ByteView sealed, chunks.final_chunk());
  return messages.open(as_bytes(kFinal), sealed);
}

}  // namespace

std::string_view request_type(OhttpForm form) noexcept {
  return form == OhttpForm::whole ? "message/ohttp-req" : "message/ohttp-chunked-req";
}

std::string_view response_type(OhttpForm form) noexcept {
  return form == OhttpForm::whole ? "message/ohttp-res" : "message/ohttp-chunked-res";
}

std::optional<OhttpForm> form_of_request_type(std::string_view type) noexcept {
  // Neither case nor parameters say anything. RFC 9110, section 8.3.1.
  const std::string_view essence = type.substr(0, type.find_first_of("; \t"));
  for (const OhttpForm form : {OhttpForm::whole, OhttpForm::chunked}) {
    if (equal_ignoring_case(essence, request_type(form))) return form;
  }
  return std::nullopt;
}

std::size_t answer_nonce_size(Aead aead) noexcept {
  return std::max(crypto::kAeadNonceSize, crypto::key_size(aead));
}

RequestSealer::RequestSealer(OhttpForm form, Aead aead, Bytes header, crypto::HpkeSender context)
    : form_(form), aead_(aead), unsent_(std::move(header)), context_(std::move(context)) {
  append(unsent_, context_.enc());
}

Result<RequestSealer> RequestSealer::start(const KeyConfig& config, Aead aead, OhttpForm form,
                                           const crypto::X25519Key& ephemeral) {
  Bytes header = header_of(config.key_id, aead);
  TRY_ASSIGN(auto context,
             crypto::HpkeSender::start(config.public_key, aead, info_of(form, header), ephemeral));
  return RequestSealer(form, aead, std::move(header), std::move(context));
}

Result<Bytes> RequestSealer::seal(ByteView plaintext) {
  return seal_part(form_, unsent_, context_, plaintext);
}

Result<Bytes> RequestSealer::finish(ByteView plaintext) {
  return seal_rest(form_, unsent_, context_, plaintext);
}

AnswerSecret RequestSealer::answer_secret() const {
  return secret_of(context_, form_, aead_, context_.enc());
}

Result<std::uint8_t> key_id_of(ByteView capsule) {
  return ByteReader(capsule).u8("encapsulated request (O3): key id");
}

Result<OpenedCapsule> open_request(const GatewayKey& key, OhttpForm form, ByteView capsule) {
  ByteReader reader(capsule);
  TRY_ASSIGN(const ByteView header, reader.take(kHeaderSize, "encapsulated request (O3): header"));
  TRY_ASSIGN(const auto enc, reader.array<32>("encapsulated request (O3): encapsulated key"));
  if (header[0] != key.config().key_id) {
    return fail(Errc::mismatch, "encapsulated request (O3): another key");
  }
  const auto& aeads = key.config().aeads;
  const auto aead = std::ranges::find_if(
      aeads, [&](Aead a) { return std::ranges::equal(header_of(header[0], a), header); });
  if (aead == aeads.end()) {
    return fail(Errc::unsupported, "encapsulated request (O3): algorithms not offered");
  }
  TRY_ASSIGN(auto context,
             crypto::HpkeReceiver::start(key.key(), enc, *aead, info_of(form, header)));
  OpenedCapsule out{.message = {}, .answer = secret_of(context, form, *aead, enc)};
  const ByteView sealed = reader.rest();
  if (form == OhttpForm::whole) {
    TRY_ASSIGN(out.message, context.open({}, sealed));
    return out;
  }
  Bytes message;
  const WipeOnExit wiped(message);
  message.reserve(sealed.size());  // a buffer that grows leaves copies behind
  ChunkReader chunks;
  chunks.feed(sealed);
  TRY(open_chunks(chunks, context, kMaxSmallChunks, message));
  TRY_ASSIGN(Bytes last, open_final(chunks, context));
  const WipeOnExit last_wiped(last);
  append(message, last);
  out.message = std::move(message);
  return out;
}

AnswerSealer::AnswerSealer(const AnswerSecret& secret)
    : AnswerSealer(secret, crypto::random_bytes(answer_nonce_size(secret.aead))) {}

AnswerSealer::AnswerSealer(const AnswerSecret& secret, Bytes nonce)
    : form_(secret.form), unsent_(std::move(nonce)), messages_(answer_keys(secret, unsent_)) {}

Result<Bytes> AnswerSealer::seal(ByteView plaintext) {
  return seal_part(form_, unsent_, messages_, plaintext);
}

Result<Bytes> AnswerSealer::finish(ByteView plaintext) {
  return seal_rest(form_, unsent_, messages_, plaintext);
}

struct AnswerOpener::State {
  AnswerSecret secret;
  std::size_t max_whole;
  bool failed = false;
  Bytes nonce;  // until it is complete
  std::optional<crypto::AeadSequence> messages;
  Bytes whole;
  ChunkReader chunks;

  // What of `piece` comes after the nonce.
  ByteView take_nonce(ByteView piece) {
    if (messages) return piece;
    const std::size_t missing = answer_nonce_size(secret.aead) - nonce.size();
    const std::size_t n = std::min(missing, piece.size());
    append(nonce, piece.first(n));
    if (n == missing) messages = answer_keys(secret, nonce);
    return piece.subspan(n);
  }

  Result<Bytes> feed(ByteView piece) {
    piece = take_nonce(piece);
    if (secret.form == OhttpForm::chunked) {
      chunks.feed(piece);
      if (!messages) return Bytes();
      Bytes out;
      // A stream has as many as its service writes, and the client takes them as they come.
      TRY(open_chunks(chunks, *messages, std::numeric_limits<std::size_t>::max(), out));
      return out;
    }
    if (piece.size() > max_whole - whole.size()) return fail(Errc::limit, "OHTTP: answer too long");
    append(whole, piece);
    return Bytes();
  }

  Result<Bytes> finish() {
    if (!messages) return fail(Errc::malformed, "OHTTP (O6): ended within its nonce");
    if (secret.form == OhttpForm::whole) return messages->open({}, whole);
    return open_final(chunks, *messages);
  }

  Result<Bytes> once(Result<Bytes> result) {
    failed = !result;
    return result;
  }
};

AnswerOpener::AnswerOpener(AnswerSecret secret, std::size_t max_whole)
    : state_(std::make_unique<State>(State{.secret = std::move(secret),
                                           .max_whole = max_whole,
                                           .nonce = {},
                                           .messages = {},
                                           .whole = {},
                                           .chunks = {}})) {}
AnswerOpener::AnswerOpener(AnswerOpener&&) noexcept = default;
AnswerOpener& AnswerOpener::operator=(AnswerOpener&&) noexcept = default;
AnswerOpener::~AnswerOpener() = default;

Result<Bytes> AnswerOpener::feed(ByteView piece) {
  if (state_->failed) return fail(Errc::malformed, "OHTTP: refused before");
  return state_->once(state_->feed(piece));
}

Result<Bytes> AnswerOpener::finish() {
  if (state_->failed) return fail(Errc::malformed, "OHTTP: refused before, or over");
  auto result = state_->finish();
  state_->failed = true;
  return result;
}

}  // namespace confide::seal

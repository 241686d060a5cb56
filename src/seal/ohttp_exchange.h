// One exchange over the sealed channel as its two ends use it: binary HTTP, padding and OHTTP put
// together. Rules O12-O19.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "seal/bhttp.h"
#include "seal/ohttp.h"
#include "seal/padding.h"

namespace confide::seal {

inline constexpr std::string_view kNonceField = "confide-nonce";  // 64 lower-case hex digits

// A refusal by the gateway (RFC 9457), and its two types that a client acts on (RFC 9458, sections
// 5.3 and 6.5.2).
inline constexpr std::string_view kProblemType = "application/problem+json";
inline constexpr std::string_view kKeyProblem =
    "https://iana.org/assignments/http-problem-types#ohttp-key";
inline constexpr std::string_view kDateProblem =
    "https://iana.org/assignments/http-problem-types#date";

// Seals an answer as it comes to be. What each call returns is to be sent, in order. respond()
// alone, or start(), write()... and finish(). Not thread-safe.
class AnswerWriter {
 public:
  AnswerWriter(AnswerSealer sealer, Padding padding)
      : sealer_(std::move(sealer)), padding_(padding) {}

  OhttpForm form() const noexcept { return sealer_.form(); }
  Padding padding() const noexcept { return padding_; }

  // A complete answer. Fails with `malformed` on what binary HTTP cannot carry.
  Result<Bytes> respond(const InnerResponse& response);

  // The three parts of a streamed one, in the chunked form alone (otherwise `internal`). start()
  // ignores the content and trailers and leaves out a content-length; the client has each write()
  // at once. Under the constant profile the caller gives write() at each tick what it has, at most
  // kConstantData bytes, or calls idle().
  Result<Bytes> start(InnerResponse head);
  Result<Bytes> write(ByteView content);
  Result<Bytes> idle();  // a chunk of padding; nothing without padding
  Result<Bytes> finish(const HttpFields& trailers = {});

 private:
  Bytes framed(Bytes before, ByteView data) const;
  Result<Bytes> emit(ByteView plaintext, bool last);
  AnswerSealer sealer_;
  Padding padding_;
};
// What one chunk of the constant profile carries.
inline constexpr std::size_t kConstantData = kConstantChunk - 2 - kRecordHeader;

// Opens an answer that comes in pieces cut anywhere. Not thread-safe.
class AnswerReader {
 public:
  explicit AnswerReader(AnswerSecret secret, const BhttpLimits& limits = {});

  // The content that this piece brought, without padding. Every byte of it is authentic and in its
  // place; that there is no more is known after finish() alone. Fails for good, as AnswerOpener
  // and BhttpDecoder do.
  Result<std::string> feed(ByteView piece) { return open(piece, /*last=*/false); }
  // The answer ended here; gives the rest of its content.
  Result<std::string> finish() { return open({}, /*last=*/true); }

  bool has_head() const noexcept { return has_head_; }
  // Without content; trailers once finish() has succeeded.
  const InnerResponse& head() const noexcept { return head_; }

 private:
  Result<std::string> open(ByteView piece, bool last);
  Result<std::string> decode(ByteView plaintext);
  AnswerOpener opener_;
  BhttpDecoder decoder_;
  RecordReader records_;
  bool failed_ = false;
  bool has_head_ = false;
  bool padded_ = false;
  InnerResponse head_;
};

struct ExchangeOptions {
  OhttpForm form = OhttpForm::chunked;
  crypto::Aead aead = crypto::Aead::aes_128_gcm;  // one of the configuration's
  Padding padding = kDefaultPadding;
  Time now{};
  std::string nonce;  // 64 lower-case hex digits, fresh
};
struct SealedExchange {
  Bytes capsule;  // to POST as request_type(form)
  AnswerReader answer;
};
// The client's end: adds the date, nonce and padding fields to `request`, pads and seals it. Fails
// with `malformed`.
Result<SealedExchange> seal_exchange(
    const KeyConfig& config, InnerRequest request, const ExchangeOptions& options,
    const crypto::X25519Key& ephemeral = crypto::X25519Key::generate());

}  // namespace confide::seal

#include "seal/ohttp_exchange.h"

#include <algorithm>
#include <utility>

namespace confide::seal {
namespace {

constexpr std::size_t kRecordLengthSize = 2;  // a record's length as binary HTTP writes it
constexpr unsigned kTwoByteVarint = 0x4000;
constexpr std::size_t kRecordOverhead = kRecordLengthSize + kRecordHeader;

void remove_field(HttpFields& fields, std::string_view name) {
  std::erase_if(fields, [&](const HttpField& field) { return field.name == name; });
}

}  // namespace

Result<Bytes> AnswerWriter::respond(const InnerResponse& response) {
  TRY_ASSIGN(Bytes message, encode_response(response));
  pad_message(padding_, message);
  return emit(message, /*last=*/true);
}

Result<Bytes> AnswerWriter::start(InnerResponse head) {
  remove_field(head.fields, "content-length");
  if (padding_ != Padding::none) {
    head.fields.push_back({.name = "content-encoding", .value = std::string(kPaddedCoding)});
  }
  TRY_ASSIGN(Bytes plaintext, encode_response_head(head));
  if (padding_ != Padding::none) plaintext = framed(std::move(plaintext), {});
  return emit(plaintext, /*last=*/false);
}

Result<Bytes> AnswerWriter::write(ByteView content) {
  const std::size_t most =
      padding_ == Padding::constant ? kConstantData : kMaxChunk - kRecordOverhead;
  if (!content.empty() && content.size() <= most) return emit(framed({}, content), /*last=*/false);
  Bytes out;
  while (!content.empty()) {
    const ByteView data = content.first(std::min(most, content.size()));
    TRY_ASSIGN(const Bytes sealed, emit(framed({}, data), /*last=*/false));
    append(out, sealed);
    content = content.subspan(data.size());
  }
  return out;
}

Result<Bytes> AnswerWriter::idle() {
  if (padding_ == Padding::none) return Bytes();
  return emit(framed({}, {}), /*last=*/false);
}

Result<Bytes> AnswerWriter::finish(const HttpFields& trailers) {
  TRY_ASSIGN(Bytes plaintext, encode_response_end(trailers));
  pad_message(padding_, plaintext);
  return emit(plaintext, /*last=*/true);
}

// One content chunk with `data` after `before`, all of it padded. A record's length is always
// written in two bytes, so that the size of the whole follows from the padding alone.
Bytes AnswerWriter::framed(Bytes before, ByteView data) const {
  if (padding_ == Padding::none) {
    append_varint(before, data.size());
    append(before, data);
    return before;
  }
  const std::size_t used = before.size() + kRecordOverhead + data.size();
  const std::size_t padding = padded_size(padding_, used) - used;
  const std::size_t length = kTwoByteVarint | (kRecordHeader + data.size() + padding);
  append_u16be(before, length);
  append_record(before, data, padding);
  return before;
}

Result<Bytes> AnswerWriter::emit(ByteView plaintext, bool last) {
  const std::size_t most = padding_ == Padding::constant ? kConstantChunk : kMaxChunk;
  const bool whole = sealer_.form() == OhttpForm::whole;
  if (last && (whole || plaintext.size() <= most)) return sealer_.finish(plaintext);
  if (plaintext.size() <= most) return sealer_.seal(plaintext);
  Bytes out;
  while (plaintext.size() > most) {
    TRY_ASSIGN(const Bytes sealed, sealer_.seal(plaintext.first(most)));
    append(out, sealed);
    plaintext = plaintext.subspan(most);
  }
  TRY_ASSIGN(const Bytes sealed, last ? sealer_.finish(plaintext) : sealer_.seal(plaintext));
  append(out, sealed);
  return out;
}

AnswerReader::AnswerReader(AnswerSecret secret, const BhttpLimits& limits)
    : opener_(std::move(secret)), decoder_(BhttpDecoder::Kind::response, limits) {}

Result<std::string> AnswerReader::open(ByteView piece, bool last) {
  // Until this piece has passed every check.
  if (std::exchange(failed_, true)) return fail(Errc::malformed, "sealed answer: refused before");
  TRY_ASSIGN(const Bytes plaintext, last ? opener_.finish() : opener_.feed(piece));
  TRY_ASSIGN(std::string content, decode(plaintext));
  if (last) {
    TRY(decoder_.finish());
    TRY(records_.finish());
    head_.trailers = decoder_.response().trailers;
  }
  failed_ = last;
  return content;
}

Result<std::string> AnswerReader::decode(ByteView plaintext) {
  TRY_ASSIGN(std::string content, decoder_.feed(plaintext));
  if (!has_head_ && decoder_.has_head()) {
    has_head_ = true;
    head_ = decoder_.response();
    const std::string* coding = find_field(head_.fields, "content-encoding");
    padded_ = coding != nullptr && *coding == kPaddedCoding;
    if (padded_) remove_field(head_.fields, "content-encoding");
  }
  if (!padded_) return content;
  return records_.feed(content);
}

Result<SealedExchange> seal_exchange(const KeyConfig& config, InnerRequest request,
                                     const ExchangeOptions& options,
                                     const crypto::X25519Key& ephemeral) {
  request.fields.push_back({.name = "date", .value = to_http_date(options.now)});
  request.fields.push_back({.name = std::string(kNonceField), .value = options.nonce});
  request.fields.push_back(
      {.name = std::string(kPaddingField), .value = std::string(to_string(options.padding))});
  TRY_ASSIGN(Bytes message, encode_request(request));
  // A request is one message, so there is nothing to pace: constant pads it as bucketed does.
  if (options.padding != Padding::none) pad_message(Padding::bucketed, message);
  TRY_ASSIGN(auto sealer, RequestSealer::start(config, options.aead, options.form, ephemeral));
  TRY_ASSIGN(Bytes capsule, sealer.finish(message));
  return SealedExchange{.capsule = std::move(capsule),
                        .answer = AnswerReader(sealer.answer_secret())};
}

}  // namespace confide::seal

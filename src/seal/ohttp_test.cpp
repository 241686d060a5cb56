#include "seal/ohttp.h"

#include <gtest/gtest.h>

#include <string>

#include "base/testing.h"
#include "crypto/hash.h"

namespace confide::seal {
namespace {

using crypto::Aead;

Bytes bytes(std::string_view hex) { return from_hex(hex).value(); }

crypto::X25519Key key(std::string_view scalar) {
  return crypto::X25519Key::from_scalar(SecretBytes::copy_of(bytes(scalar))).value();
}

struct Example {
  std::string secret, ephemeral;
  OhttpForm form;
};

// RFC 9458, appendix A.
const Example kWhole{"3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a",
                     "bc51d5e930bda26589890ac7032f70ad12e4ecb37abb1b65b1256c9c48999c73",
                     OhttpForm::whole};
// The appendix of draft-ietf-ohai-chunked-ohttp-08.
const Example kChunked{"1c190d72acdbe4dbc69e680503bb781a932c70a12c8f3754434c67d8640d8698",
                       "b26d565f3f875ed480d1abced3d665159650c99174fd0b124ac4bda0c64ae324",
                       OhttpForm::chunked};
const std::string kRequest = "00034745540568747470730b6578616d706c652e636f6d012f";

GatewayKey gateway(const Example& example) { return GatewayKey(1, key(example.secret)); }

RequestSealer sealer(const Example& example, Aead aead = Aead::aes_128_gcm) {
  return RequestSealer::start(gateway(example).config(), aead, example.form, key(example.ephemeral))
      .value();
}

TEST(Ohttp, RfcExample) {
  const auto server = gateway(kWhole);
  EXPECT_EQ(
      to_hex(server.encoded()),
      "01002031e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e798155000800010001000100"
      "03");
  auto client = sealer(kWhole);
  const Bytes capsule = client.finish(bytes(kRequest)).value();
  EXPECT_EQ(
      to_hex(capsule),
      "010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b4726374e4691359"
      "06992e1268c594d2a10c695d858c40a026e7965e7d86b83dd440b2c0185204b4d63525");
  const auto opened = open_request(server, OhttpForm::whole, capsule).value();
  EXPECT_EQ(to_hex(opened.message), kRequest);

  AnswerSealer answer(opened.answer, bytes("c789e7151fcba46158ca84b04464910d"));
  const Bytes sealed = answer.finish(bytes("0140c8")).value();
  EXPECT_EQ(to_hex(sealed),
            "c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f857fbd");
  AnswerOpener opener(client.answer_secret());
  EXPECT_TRUE(opener.feed(sealed).value().empty());
  EXPECT_EQ(to_hex(opener.finish().value()), "0140c8");
}

const std::string kChunkedCapsule =
    "010020000100018811eb457e100811c40a0aa71340a1b81d804bb986f736f2f566a7199761a0321c2ad24942d4d692"
    "563012f2980c8fef437a336b9b2fc938ef77a5834f1d2e33d8fd25577afe31bd1c79d094f76b6250ae6549b473ecd9"
    "50501311001c6c1395d0ef7c1022297966307b8a7f";
const std::string kChunkedAnswer =
    "bcce7f4cb921309ba5d62edf1769ef091179bf1cc87fa0e2c02de4546945aa3d1e4812b348b5bd4c594c16b6170b07"
    "b475845d1f3200ed9d8a796617a5b27265f4d73247f639";

TEST(Ohttp, DraftExampleOfChunks) {
  const auto server = gateway(kChunked);
  EXPECT_EQ(
      to_hex(server.encoded()),
      "010020668eb21aace159803974a4c67f08b4152d29bed10735fd08f98ccdd6fe095708000800010001000100"
      "03");
  auto client = sealer(kChunked);
  const Bytes request = bytes(kRequest);
  Bytes capsule = client.seal(ByteView(request).first(12)).value();
  append(capsule, client.seal(ByteView(request).subspan(12)).value());
  append(capsule, client.finish({}).value());
  EXPECT_EQ(to_hex(capsule), kChunkedCapsule);

  const auto opened = open_request(server, OhttpForm::chunked, capsule).value();
  EXPECT_EQ(to_hex(opened.message), kRequest);
  AnswerSealer answer(opened.answer, bytes("bcce7f4cb921309ba5d62edf1769ef09"));
  Bytes sealed = answer.seal(bytes("01")).value();
  append(sealed, answer.seal(bytes("40c8")).value());
  append(sealed, answer.finish({}).value());
  EXPECT_EQ(to_hex(sealed), kChunkedAnswer);
}

// What an opener makes of an answer fed in pieces of a size.
Result<std::string> open_answer(ByteView answer, std::size_t piece) {
  AnswerOpener opener(sealer(kChunked).answer_secret());
  Bytes plaintext;
  for (std::size_t at = 0; at < answer.size(); at += piece) {
    const std::size_t n = std::min(piece, answer.size() - at);
    TRY_ASSIGN(const Bytes part, opener.feed(answer.subspan(at, n)));
    append(plaintext, part);
  }
  TRY_ASSIGN(const Bytes last, opener.finish());
  append(plaintext, last);
  return to_hex(plaintext);
}

TEST(Ohttp, AnswersOpenWhereverTheyAreCut) {
  const Bytes answer = bytes(kChunkedAnswer);
  for (const std::size_t piece : {1U, 2U, 5U, 17U, 100U}) {
    EXPECT_EQ(open_answer(answer, piece).value(), "0140c8") << piece;
  }
}

TEST(Ohttp, ChunksComeOutAsSoonAsTheyAreThere) {
  const Bytes answer = bytes(kChunkedAnswer);
  AnswerOpener opener(sealer(kChunked).answer_secret());
  EXPECT_TRUE(opener.feed(ByteView(answer).first(16 + 17)).value().empty());
  EXPECT_EQ(to_hex(opener.feed(ByteView(answer).subspan(16 + 17, 1)).value()), "01");
}

// The positions of the example: nonce 16, chunks of 1 + 17 and 1 + 18 bytes, the final of 1 + 16.
TEST(Ohttp, AnswersThatAreNotWholeInOrderAndAloneAreRefused) {
  const Bytes answer = bytes(kChunkedAnswer);
  const ByteView all(answer);
  const auto joined = [](std::initializer_list<ByteView> parts) {
    Bytes out;
    for (const ByteView part : parts) append(out, part);
    return out;
  };
  const ByteView nonce = all.first(16), one = all.subspan(16, 18), two = all.subspan(34, 19),
                 last = all.subspan(53);
  const auto refused = [](const Bytes& bad) { return refusal(open_answer(bad, 7)); };
  // Truncated: at a chunk, within one, within the final one.
  EXPECT_EQ(refused({}), Errc::malformed);
  EXPECT_EQ(refused(to_bytes(nonce)), Errc::malformed);
  EXPECT_EQ(refused(joined({nonce, one})), Errc::malformed);
  EXPECT_EQ(refused(joined({nonce, one, two})), Errc::malformed);
  EXPECT_EQ(refused(to_bytes(all.first(40))), Errc::malformed);
  EXPECT_EQ(refused(to_bytes(all.first(54))), Errc::malformed);  // a final chunk without a tag
  // Reordered, repeated, left out.
  EXPECT_EQ(refused(joined({nonce, two, one, last})), Errc::bad_signature);
  EXPECT_EQ(refused(joined({nonce, one, one, two, last})), Errc::bad_signature);
  EXPECT_EQ(refused(joined({nonce, one, last})), Errc::bad_signature);
  // A chunk made the final one, and the final one made a chunk.
  EXPECT_EQ(refused(joined({nonce, bytes("00"), one.subspan(1)})), Errc::bad_signature);
  EXPECT_EQ(refused(joined({nonce, one, two, bytes("10"), last.subspan(1), last})),
            Errc::bad_signature);
  // Bytes after the final chunk.
  EXPECT_EQ(refused(joined({all, bytes("00")})), Errc::bad_signature);
  EXPECT_EQ(refused(joined({all, last})), Errc::bad_signature);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    Bytes flipped = answer;
    flipped[i] ^= 1;
    EXPECT_FALSE(open_answer(flipped, 7)) << i;
  }
}

TEST(Ohttp, ChunksAnnouncedTooLongAreRefusedAtOnce) {
  AnswerOpener opener(sealer(kChunked).answer_secret());
  ASSERT_TRUE(opener.feed(Bytes(16)));
  EXPECT_EQ(refusal(opener.feed(bytes("80004011"))), Errc::limit);  // 16384 + 16 + 1
  EXPECT_EQ(refusal(opener.feed({})), Errc::malformed);             // and for good
  AnswerOpener final(sealer(kChunked).answer_secret());
  ASSERT_TRUE(final.feed(Bytes(16)));
  EXPECT_EQ(refusal(final.feed(Bytes(1 + kMaxChunk + 17))), Errc::limit);
  auto sending = sealer(kChunked);
  EXPECT_EQ(refusal(sending.seal(Bytes(kMaxChunk + 1))), Errc::limit);
  AnswerOpener whole(sealer(kWhole).answer_secret(), /*max_whole=*/20);
  EXPECT_EQ(refusal(whole.feed(Bytes(37))), Errc::limit);
}

TEST(Ohttp, AnAnswerIsNotOpenedTwice) {
  AnswerOpener opener(sealer(kChunked).answer_secret());
  ASSERT_TRUE(opener.feed(bytes(kChunkedAnswer)));
  ASSERT_TRUE(opener.finish());
  EXPECT_EQ(refusal(opener.finish()), Errc::malformed);
  EXPECT_EQ(refusal(opener.feed({})), Errc::malformed);
}

TEST(Ohttp, ARequestReflectedIsNoAnswer) {
  const Bytes capsule = bytes(kChunkedCapsule);
  EXPECT_EQ(refusal(open_answer(ByteView(capsule).subspan(7 + 32 - 16), 7)), Errc::bad_signature);
}

TEST(Ohttp, RequestsThatDoNotOpen) {
  const auto server = gateway(kChunked);
  const Bytes capsule = bytes(kChunkedCapsule);
  const auto open = [&](ByteView bad, OhttpForm form = OhttpForm::chunked) {
    return refusal(open_request(server, form, bad));
  };
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes bad = capsule;
    bad[at] = value;
    return bad;
  };
  ASSERT_EQ(open(capsule), std::nullopt);
  EXPECT_EQ(open({}), Errc::malformed);
  EXPECT_EQ(open(ByteView(capsule).first(38)), Errc::malformed);
  EXPECT_EQ(open(ByteView(capsule).first(39)), Errc::malformed);   // no chunk
  EXPECT_EQ(open(ByteView(capsule).first(68)), Errc::malformed);   // no final chunk
  EXPECT_EQ(open(ByteView(capsule).first(110)), Errc::malformed);  // less than its tag
  EXPECT_EQ(open(with(0, 2)), Errc::mismatch);
  EXPECT_EQ(open(with(2, 0x10)), Errc::unsupported);  // KEM
  EXPECT_EQ(open(with(4, 3)), Errc::unsupported);     // KDF
  EXPECT_EQ(open(with(6, 2)), Errc::unsupported);     // AES-256-GCM: not offered
  EXPECT_EQ(open(with(6, 3)), Errc::bad_signature);   // another algorithm that is
  EXPECT_EQ(open(with(38, capsule[38] ^ 0x80U)), Errc::bad_signature);
  EXPECT_EQ(open(with(45, capsule[45] ^ 1U)), Errc::bad_signature);
  EXPECT_EQ(open(capsule, OhttpForm::whole), Errc::bad_signature);
  Bytes low = capsule;
  std::fill(low.begin() + 7, low.begin() + 39, std::uint8_t{0});
  EXPECT_EQ(open(low), Errc::malformed);
  Bytes more = capsule;
  more.push_back(0);
  EXPECT_EQ(open(more), Errc::bad_signature);
  Bytes announced(capsule.begin(), capsule.begin() + 39);
  append(announced, bytes("bfffffff"));
  EXPECT_EQ(open(announced), Errc::limit);
  EXPECT_EQ(refusal(open_request(GatewayKey::generate(1), OhttpForm::chunked, capsule)),
            Errc::bad_signature);
}

TEST(Ohttp, LongMessagesGoInSeveralChunksUnderEveryAlgorithm) {
  const Bytes message(3 * kMaxChunk + 5, 0x61);
  for (const Aead aead : {Aead::aes_128_gcm, Aead::chacha20_poly1305}) {
    const auto server = gateway(kChunked);
    auto client = sealer(kChunked, aead);
    const auto opened =
        open_request(server, OhttpForm::chunked, client.finish(message).value()).value();
    EXPECT_EQ(opened.message, message);
    EXPECT_EQ(opened.answer.enc, client.enc());
    AnswerSealer answer(opened.answer);
    AnswerOpener opener(client.answer_secret());
    Bytes back = opener.feed(answer.finish(message).value()).value();
    append(back, opener.finish().value());
    EXPECT_EQ(back, message);
  }
}

TEST(Ohttp, ARequestHasAFewThousandSmallChunksAtMost) {
  const auto server = gateway(kChunked);
  const auto in_pieces = [&](std::size_t count, std::size_t size) {
    auto client = sealer(kChunked);
    Bytes capsule;
    for (std::size_t i = 0; i < count; ++i) append(capsule, client.seal(Bytes(size, 7)).value());
    append(capsule, client.finish({}).value());
    return open_request(server, OhttpForm::chunked, capsule);
  };
  EXPECT_EQ(in_pieces(4096, 0).value().message.size(), 0U);
  EXPECT_EQ(refusal(in_pieces(4097, 0)), Errc::limit);
  EXPECT_EQ(refusal(in_pieces(4097, 1023)), Errc::limit);
  EXPECT_EQ(in_pieces(4097, 1024).value().message.size(), std::size_t{4097} << 10U);
}

TEST(Ohttp, TwoAnswersToOneRequestShareNoNonce) {
  auto client = sealer(kWhole);
  const auto capsule = client.finish(bytes(kRequest)).value();
  const auto opened = open_request(gateway(kWhole), OhttpForm::whole, capsule).value();
  const Bytes one = AnswerSealer(opened.answer).finish({}).value();
  const Bytes two = AnswerSealer(opened.answer).finish({}).value();
  EXPECT_NE(Bytes(one.begin(), one.begin() + 16), Bytes(two.begin(), two.begin() + 16));
}

TEST(Ohttp, TheWholeFormHasNoChunks) {
  auto client = sealer(kWhole);
  EXPECT_EQ(refusal(client.seal({})), Errc::internal);
}

TEST(Ohttp, MediaTypesNameTheForm) {
  EXPECT_EQ(form_of_request_type("message/ohttp-req"), OhttpForm::whole);
  EXPECT_EQ(form_of_request_type("message/ohttp-chunked-req"), OhttpForm::chunked);
  EXPECT_EQ(form_of_request_type("Message/OHTTP-Req"), OhttpForm::whole);
  EXPECT_EQ(form_of_request_type("message/ohttp-chunked-req ; q=1"), OhttpForm::chunked);
  EXPECT_EQ(form_of_request_type("message/ohttp-req;x"), OhttpForm::whole);
  for (const auto other : {"message/ohttp-res", "message/ohttp-reqs", "message/ohttp", ";", ""}) {
    EXPECT_EQ(form_of_request_type(other), std::nullopt) << other;
  }
  EXPECT_EQ(response_type(OhttpForm::whole), "message/ohttp-res");
  EXPECT_EQ(response_type(OhttpForm::chunked), "message/ohttp-chunked-res");
}

TEST(KeyConfig, RoundTripsAndNamesItsExactBytes) {
  const auto server = gateway(kWhole);
  const auto config = parse_key_config(server.encoded()).value();
  EXPECT_EQ(config.key_id, 1);
  EXPECT_EQ(config.public_key, server.config().public_key);
  EXPECT_EQ(config.aeads, (std::vector{Aead::aes_128_gcm, Aead::chacha20_poly1305}));
  EXPECT_EQ(key_config_digest(server.encoded()), crypto::sha256_tag(server.encoded()));
  const auto other = gateway(kChunked);
  const Bytes keys = join_key_configs({server.encoded(), other.encoded()});
  EXPECT_EQ(keys[1], server.encoded().size());
  EXPECT_EQ(split_key_configs(keys).value(), (std::vector{server.encoded(), other.encoded()}));
}

TEST(KeyConfig, RefusesWhatItCannotUse) {
  const Bytes good = gateway(kWhole).encoded();
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes bad = good;
    bad[at] = value;
    return refusal(parse_key_config(bad));
  };
  EXPECT_EQ(with(2, 0x10), Errc::unsupported);  // DHKEM(P-256, HKDF-SHA256)
  EXPECT_EQ(with(36, 7), Errc::malformed);
  EXPECT_EQ(with(36, 4), Errc::malformed);
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(refusal(parse_key_config(ByteView(good).first(n))), Errc::malformed) << n;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(refusal(parse_key_config(longer)), Errc::malformed);
  // Suites we do not speak are passed over, unless nothing else is there.
  Bytes unknown = good;
  unknown[40] = 9;
  EXPECT_EQ(parse_key_config(unknown).value().aeads, std::vector{Aead::chacha20_poly1305});
  unknown[42] = 2;
  EXPECT_EQ(refusal(parse_key_config(unknown)), Errc::unsupported);
}

TEST(KeyConfig, ListsAreBounded) {
  const Bytes one = join_key_configs({gateway(kWhole).encoded()});
  EXPECT_EQ(refusal(split_key_configs(ByteView(one).first(one.size() - 1))), Errc::malformed);
  EXPECT_EQ(refusal(split_key_configs(ByteView(one).first(1))), Errc::malformed);
  EXPECT_EQ(refusal(split_key_configs(Bytes(2 * 17))), Errc::limit);
  EXPECT_TRUE(split_key_configs({}).value().empty());
}

}  // namespace
}  // namespace confide::seal

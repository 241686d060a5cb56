#include "api/even_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/service_fixture_test.h"
#include "net/sse.h"

namespace confide::api {
namespace {

// The pieces that come of text in these tokens.
std::vector<std::string> cut(const std::vector<std::string>& tokens) {
  EvenText even;
  std::vector<std::string> out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    for (auto& piece : even.push(tokens[i], i + 1 == tokens.size())) out.push_back(piece);
  }
  return out;
}

TEST(EvenTextTest, PiecesDoNotShowTheTokens) {
  const std::vector<std::string> expected = {"I", " am not the text", " of which you th", "ink."};
  EXPECT_EQ(cut({"I", " am", " not", " the", " text", " of", " which", " you", " think", "."}),
            expected);
  EXPECT_EQ(cut({"I", " am not the text of which you think."}), expected);
  EXPECT_EQ(cut({"I am not the text of which", " you think."}),
            (std::vector<std::string>{"I am not the tex", "t of which you t", "hink."}));
}

TEST(EvenTextTest, NothingIsLostAndNoCharacterIsCut) {
  const std::string text = "\u00e9\u00e8 \U0001F600\U0001F600 na\u00efve caf\u00e9s \u4f60\u597d";
  std::vector<std::string> tokens;
  for (const char byte : text) tokens.emplace_back(1, byte);
  // Whole characters come in, so that is what a token is.
  tokens = {text.substr(0, 4), text.substr(4)};
  std::string joined;
  for (const std::string& piece : cut(tokens)) {
    EXPECT_TRUE(json::parse("\"" + piece + "\"")) << piece;
    joined += piece;
  }
  EXPECT_EQ(joined, text);
  EXPECT_TRUE(cut({""}).empty());
}

TEST(EvenTextTest, EventsHaveAMultipleOf256Bytes) {
  for (int length = 0; length < 300; ++length) {
    Json data = {{"text", std::string(static_cast<std::size_t>(length), 'a')}};
    pad_event(data);
    EXPECT_EQ(json::compact(data).size() % 256, 0U) << length;
  }
}

// Under E2EE, what stands on the wire for two answers of equal length is of equal lengths, though
// their tokens are not.
struct EavesdropperTest : ServiceTest {
  std::vector<std::size_t> sizes(const std::vector<std::string>& tokens) {
    engine.pieces = {tokens.begin(), tokens.end()};
    const auto keyset = aci::parse_keyset(identity->published()->keyset).value().keyset;
    std::string key;
    for (const auto& entry : keyset.e2ee_public_keys) {
      if (entry.algo == seal::to_string(seal::Suite::x25519)) key = entry.public_key;
    }
    auto client = seal::ClientExchange::start(seal::Suite::x25519, key, clock.now()).value();
    Json body = {
        {"model", "tiny"}, {"stream", true}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
    EXPECT_TRUE(client.seal_request(body, seal::Endpoint::chat_completions));
    auto sealed = request("POST", "/v1/chat/completions", json::compact(body));
    for (const auto& [name, value] : client.headers()) sealed.headers.set(name, value);
    const auto exchange = call(std::move(sealed));
    EXPECT_EQ(exchange->status(), 200) << exchange->body();
    std::vector<std::size_t> out;
    std::string text = exchange->body();
    for (std::size_t at = 0; (at = text.find("\n\n")) != std::string::npos;) {
      out.push_back(at);
      text.erase(0, at + 2);
    }
    return out;
  }
};

TEST_F(EavesdropperTest, SeesNoLengthsOfTokens) {
  const std::vector<std::string> short_tokens = {"No", ",",  " it", " is", " a", " b", " c", " d",
                                                 " e", " f", " g",  " h",  " i", " j", " kl"};
  const std::vector<std::string> long_tokens = {"No", " notwithstanding", " incomprehensi"};
  std::size_t short_size = 0, long_size = 0;
  for (const auto& token : short_tokens) short_size += token.size();
  for (const auto& token : long_tokens) long_size += token.size();
  ASSERT_EQ(short_size, long_size);
  EXPECT_EQ(sizes(short_tokens), sizes(long_tokens));
}

}  // namespace
}  // namespace confide::api

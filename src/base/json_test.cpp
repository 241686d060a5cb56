#include "base/json.h"

#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide::json {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string recompacted(std::string_view text) { return compact(*parse(text)); }

TEST(Parse, ReadsEveryKindOfValue) {
  const Json value = *parse(R"( {"a":[1,-2,0.5,true,false,null],"b":"\u00e9\ud83d\ude00"} )");
  EXPECT_EQ(value["a"].size(), 6U);
  EXPECT_EQ(value["b"].get<std::string>(), "\xC3\xA9\xF0\x9F\x98\x80");
}

TEST(Parse, RefusesWhatIsNotJson) {
  for (const char* text :
       {"",          " ",     "{",     "[1",       "{\"a\"}",   "{\"a\":}", "[1,]",   "{\"a\":1,}",
        "tru",       "True",  "NaN",   "Infinity", "-Infinity", "-",        "01",     "1.",
        ".5",        "1e",    "+1",    "0x10",     "'a'",       "\"a",      "\"\n\"", "\"\\x41\"",
        "\"\\u12\"", "{a:1}", "{1:2}", "// c\n1",  "/* c */ 1"}) {
    EXPECT_EQ(refusal(parse(text)), Errc::malformed) << text;
  }
}

TEST(Parse, RefusesTrailingText) {
  for (const char* text : {"{}x", "{}{}", "1 2", "[] ,", "null null"}) {
    EXPECT_EQ(refusal(parse(text)), Errc::malformed) << text;
  }
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal(parse("{}\0"sv)), Errc::malformed);
  EXPECT_EQ(refusal(parse("{}\0{\"a\":1}"sv)), Errc::malformed);
  EXPECT_EQ(refusal(parse("\xEF\xBB\xBF{}"sv)), Errc::malformed);
}

TEST(Parse, RefusesBadUtf8) {
  // A lone continuation, an overlong slash, a surrogate, beyond U+10FFFF, a cut sequence; escaped
  // halves of surrogate pairs.
  for (const char* text :
       {"\"\x80\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\"",
        "\"\xFF\"", "{\"\xC0\x80\":1}", R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")"}) {
    EXPECT_EQ(refusal(parse(text)), Errc::malformed) << text;
  }
}

TEST(Parse, RefusesObjectsWithVeryManyMembers) {
  const auto object = [](int members) {
    std::string text = "{\"0\":0";
    for (int i = 1; i < members; ++i) text += ",\"" + std::to_string(i) + "\":0";
    return text + "}";
  };
  EXPECT_TRUE(parse(object(512)));
  EXPECT_EQ(refusal(parse(object(513))), Errc::limit);
  EXPECT_EQ(refusal(parse("[" + object(513) + "]")), Errc::limit);
  EXPECT_TRUE(parse("[" + object(512) + "," + object(512) + "]")) << "each object has its own";
}

TEST(Parse, RefusesNumbersThatNoDoubleHolds) {
  for (const char* text : {"1e400", "-1e400", "[1e309]", "{\"a\":1e999999}"}) {
    EXPECT_EQ(refusal(parse(text)), Errc::malformed) << text;
  }
  EXPECT_TRUE(parse("1e308"));
  EXPECT_EQ(parse("1e-400")->get<double>(), 0.0);
}

TEST(Parse, RefusesDuplicateNames) {
  EXPECT_EQ(refusal(parse(R"({"a":1,"a":2})")), Errc::malformed);
  EXPECT_EQ(refusal(parse(R"({"b":{"a":1,"\u0061":2}})")), Errc::malformed);
  EXPECT_TRUE(parse(R"([{"a":1},{"a":{"a":2}}])"));
}

TEST(Parse, BoundsDepthNodesAndBytes) {
  EXPECT_TRUE(parse(nested(64)));
  EXPECT_EQ(refusal(parse(nested(65))), Errc::limit);
  EXPECT_EQ(refusal(parse(std::string(200'000, '['))), Errc::limit);

  Limits limits;
  limits.max_nodes = 4;
  EXPECT_TRUE(parse("[1,2,3]", limits));
  EXPECT_EQ(refusal(parse("[1,2,3,4]", limits)), Errc::limit);
  EXPECT_EQ(refusal(parse(R"({"a":1,"b":[],"c":{},"d":null})", limits)), Errc::limit);

  limits.max_bytes = 7;
  EXPECT_TRUE(parse("[1,2,3]", limits));
  EXPECT_EQ(refusal(parse("[1,2,3] ", limits)), Errc::limit);
}

TEST(Parse, ErrorsDoNotQuoteTheText) {
  const auto result = parse(R"({"prompt":"my secret" oops})");
  ASSERT_EQ(refusal(result), Errc::malformed);
  EXPECT_THAT(result.error().message, Not(HasSubstr("secret")));
  EXPECT_THAT(result.error().message, Not(HasSubstr("oops")));
}

TEST(Canonical, SortsMembersByBytesAtEveryLevel) {
  EXPECT_EQ(*canonical(*parse(R"({"b":1,"a":{"z":[],"y":{}},"B":2,"":3,"a1":4,"a_":5})")),
            R"({"":3,"B":2,"a":{"y":{},"z":[]},"a1":4,"a_":5,"b":1})");
}

TEST(Canonical, EscapesAsRfc8785Does) {
  const Json value = *parse(R"(["\u0000\u0008\t\n\u000b\f\r\u001f\u007f\"\\\/","\u20ac\u00e9"])");
  EXPECT_EQ(*canonical(value),
            "[\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\\\"\\\\/\",\"\xE2\x82\xAC\xC3\xA9\"]");
}

TEST(Canonical, WritesScalars) {
  EXPECT_EQ(*canonical(*parse(" [ true , false , null , 0 , -1 ] ")), "[true,false,null,0,-1]");
}

TEST(Canonical, RefusesFloats) {
  for (const char* text : {"1.0", "[0.5]", "1e2", "{\"a\":1E0}", "-0", "-0.0"}) {
    EXPECT_EQ(refusal(canonical(*parse(text))), Errc::unsupported) << text;
  }
}

TEST(Canonical, RefusesIntegersThatADoubleWouldRound) {
  EXPECT_EQ(*canonical(*parse("9007199254740991")), "9007199254740991");
  EXPECT_EQ(*canonical(*parse("-9007199254740991")), "-9007199254740991");
  EXPECT_EQ(*canonical(Json(std::int64_t{9007199254740991})), "9007199254740991");
  for (const char* text : {"9007199254740992", "-9007199254740992", "18446744073709551615"}) {
    EXPECT_EQ(refusal(canonical(*parse(text))), Errc::unsupported) << text;
  }
}

TEST(Canonical, RefusesNonAsciiNames) {
  EXPECT_EQ(refusal(canonical(*parse("{\"\xC3\xA9\":1}"))), Errc::unsupported);
}

TEST(Compact, KeepsOrderAndRawUtf8) {
  EXPECT_EQ(recompacted("{ \"b\" : 1 , \"a\" : [ ] , \"\xC3\xA9\" : \"\\u20ac \\/ \\u0007\" }"),
            "{\"b\":1,\"a\":[],\"\xC3\xA9\":\"\xE2\x82\xAC / \\u0007\"}");
}

// Each pair as serde_json 1.0.149 turns it round.
TEST(Compact, WritesNumbersAsSerdeJsonDoes) {
  constexpr std::pair<const char*, const char*> kNumbers[] = {
      {"1e-07", "1e-7"},
      {"1e-7", "1e-7"},
      {"0.000001", "1e-6"},
      {"0.00001", "0.00001"},
      {"0.00012345", "0.00012345"},
      {"1.5e-9", "1.5e-9"},
      {"1e16", "1e+16"},
      {"1e15", "1000000000000000.0"},
      {"1e5", "100000.0"},
      {"100000.0", "100000.0"},
      {"1.0", "1.0"},
      {"0.1", "0.1"},
      {"0.70", "0.7"},
      {"123.456", "123.456"},
      {"-1.25E+2", "-125.0"},
      {"-0.0", "-0.0"},
      {"-0", "-0.0"},
      {"0", "0"},
      {"0.0", "0.0"},
      {"0e5", "0.0"},
      {"123456789012345678.0", "1.2345678901234568e+17"},
      {"1234567890123456.5", "1234567890123456.5"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"18446744073709551615", "18446744073709551615"},
      {"18446744073709551616", "1.8446744073709552e+19"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"-9223372036854775809", "-9.223372036854776e+18"},
  };
  for (const auto& [in, out] : kNumbers) EXPECT_EQ(recompacted(in), out) << in;
}

TEST(Compact, RestoresMinusZeroInsideStructures) {
  EXPECT_EQ(recompacted(R"({"a":[-0,0,{"b":-0}],"c":-1})"), R"({"a":[-0.0,0,{"b":-0.0}],"c":-1})");
}

TEST(Members, AreTypedAndNamedInErrors) {
  const Json object =
      *parse(R"({"s":"x","n":-5,"big":18446744073709551615,"f":1.5,"o":{},"a":[]})");
  EXPECT_EQ(*get_string(object, "s"), "x");
  EXPECT_EQ(*get_int(object, "n"), -5);
  EXPECT_TRUE((*get_object(object, "o"))->is_object());
  EXPECT_TRUE((*get_array(object, "a"))->is_array());
  EXPECT_EQ(find(object, "absent"), nullptr);
  EXPECT_EQ(find(Json::array(), "s"), nullptr);

  EXPECT_EQ(refusal(get_string(object, "n")), Errc::malformed);
  EXPECT_EQ(refusal(get_int(object, "f")), Errc::malformed);
  EXPECT_EQ(refusal(get_int(object, "big")), Errc::malformed);
  EXPECT_EQ(refusal(get_object(object, "a")), Errc::malformed);
  EXPECT_EQ(refusal(get_array(object, "o")), Errc::malformed);
  EXPECT_EQ(refusal(get_string(Json("text"), "s")), Errc::malformed);
  const auto absent = get_int(object, "absent");
  ASSERT_EQ(refusal(absent), Errc::malformed);
  EXPECT_THAT(absent.error().message, HasSubstr("absent"));
}

}  // namespace
}  // namespace confide::json

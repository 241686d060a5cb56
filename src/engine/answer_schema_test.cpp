#include "engine/answer_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/schema_pattern.h"

namespace confide::engine {
namespace {

using ::testing::HasSubstr;

Result<Json> strict_schema(std::string_view text) {
  SchemaBudget budget;
  return engine::strict_schema(text, budget);
}

Errc refusal(const std::string& schema) {
  const auto result = strict_schema(schema);
  EXPECT_FALSE(result) << schema;
  return result ? Errc::internal : result.error().code;
}

TEST(AnswerSchemaTest, UsualSchemasAreFollowed) {
  for (const char* schema : {
           R"({"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"],)"
           R"("additionalProperties":false,"title":"T","description":"d"})",
           R"({"$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"}}}},)"
           R"("$ref":"#/$defs/n"})",
           R"({"type":"array","items":{"anyOf":[{"type":"integer","minimum":-5},{"const":1}]},)"
           R"("minItems":1,"maxItems":2000})",
           R"({"type":"array","prefixItems":[{"type":"string"}],"minItems":1,"maxItems":1})",
           R"({"enum":["a",1,null]})",
           R"({"type":"string","format":"date-time"})",
       }) {
    EXPECT_TRUE(strict_schema(schema)) << schema;
  }
}

TEST(AnswerSchemaTest, WhatAGrammarCannotHoldToIsRefusedByName) {
  for (const char* keyword : {"uniqueItems", "contains", "minProperties", "patternProperties",
                              "oneOf", "not", "multipleOf", "propertyNames"}) {
    const auto result =
        strict_schema(R"({"type":"object","properties":{},")" + std::string(keyword) + R"(":[]})");
    ASSERT_FALSE(result) << keyword;
    EXPECT_EQ(result.error().code, Errc::malformed);
    EXPECT_THAT(result.error().message, HasSubstr(keyword));
  }
  for (const char* schema :
       {R"({"type":"number","minimum":1})", R"({"type":"object","required":["a"]})",
        R"({"type":"integer","minimum":5,"maximum":4})", R"({"type":"integer","minimum":1e300})",
        R"({"type":"integer","minimum":9223372036854775807})", R"([])", R"(true)",
        R"({"$ref":"#"})", R"({"$ref":"http://example.org/"})", R"({"$ref":"#/default"})",
        R"({"anyOf":[]})", R"({"type":"string","pattern":"a"})", R"({"type":"array","items":7})",
        R"({"type":"string","minLength":3,"maxLength":2})", R"({"$ref":7})"}) {
    EXPECT_EQ(refusal(schema), Errc::malformed) << schema;
  }
}

TEST(AnswerSchemaTest, CountsBeyondWhatGrammarsTakeAreRefused) {
  for (const char* schema :
       {R"({"type":"array","maxItems":1000000000})", R"({"type":"string","maxLength":2001})",
        R"({"type":"string","pattern":"^a{9999}$"})",
        R"({"type":"string","pattern":"^a{99999999999999999999}$"})"}) {
    EXPECT_EQ(refusal(schema), Errc::limit) << schema;
  }
}

// llama.cpp would go round until its stack ends.
TEST(AnswerSchemaTest, ReferencesThatLeadNowhereAreRefused) {
  EXPECT_EQ(refusal(R"({"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})"), Errc::malformed);
  EXPECT_EQ(refusal(R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},)"
                    R"("allOf":[{"$ref":"#/$defs/a"}]})"),
            Errc::malformed);
}

TEST(AnswerSchemaTest, SchemasThatMultiplyAreRefused) {
  std::string doubling = R"({"$defs":{"a0":{"type":"null"})";
  for (int i = 1; i < 40; ++i) {
    const std::string one = R"({"$ref":"#/$defs/a)" + std::to_string(i - 1) + R"("})";
    doubling.append(R"(,"a)").append(std::to_string(i)).append(R"(":{"anyOf":[)");
    doubling.append(one).append(",").append(one).append("]}");
  }
  EXPECT_EQ(refusal(doubling + R"(},"$ref":"#/$defs/a39"})"), Errc::limit);

  std::string types = R"({"type":"null"})";
  for (int i = 0; i < 30; ++i) {
    types = R"({"type":["object","array"],"properties":{"a":)" + types + R"(}})";
  }
  EXPECT_TRUE(strict_schema(types));  // as llama.cpp reads it, arrays have no properties
  std::string nested = R"({"type":"null"})";
  for (int i = 0; i < 100; ++i) nested = R"({"type":"array","items":)" + nested + "}";
  EXPECT_EQ(refusal(nested), Errc::limit);

  const auto optional = [](int members) {
    std::string schema = R"({"type":"object","properties":{)";
    for (int i = 0; i < members; ++i) schema += "\"p" + std::to_string(i) + "\":{},";
    schema.back() = '}';
    return schema + "}";
  };
  EXPECT_TRUE(strict_schema(optional(128)));
  EXPECT_EQ(refusal(optional(129)), Errc::limit);
  EXPECT_EQ(
      refusal(R"({"type":"array","prefixItems":[)" + optional(128) + "," + optional(128) + "]}"),
      Errc::limit);
  EXPECT_EQ(refusal(R"({"const":")" + std::string(70000, 'x') + "\"}"), Errc::limit);
}

TEST(AnswerSchemaTest, ToolSchemasLoseWhatCannotBeFollowed) {
  SchemaBudget budget;
  const auto mended = lenient_schema(
      Json::parse(R"({"type":"object","properties":{"s":{"type":"string","maxLength":100000,)"
                  R"("pattern":"(?<=x)y"},"n":{"type":"integer","minimum":1e30},"any":true,)"
                  R"("r":{"description":"d","allOf":[{"$ref":"#/$defs/r"}]}},)"
                  R"("$defs":{"r":{"type":"array","uniqueItems":true}}})"),
      budget);
  ASSERT_TRUE(mended) << mended.error().message;
  EXPECT_EQ(json::compact(mended->at("properties")),
            R"({"s":{"type":"string"},"n":{"type":"integer"},"any":{},)"
            R"("r":{"description":"d","$ref":"#/$defs/r"}})");
}

TEST(SchemaPatternTest, PatternsStayWithinJsonStrings) {
  EXPECT_EQ(followable_pattern("^\\d{3}-[\\w.]+$").value(), "^[0-9]{3}-[0-9A-Za-z_.]+$");
  EXPECT_EQ(followable_pattern("^(?:a|b)\\.$").value(), "^(a|b)\\.$");
  EXPECT_EQ(followable_pattern("^.$").value(), "^[^\\\"\\\\\\x00-\\x1F\\x7F]$");
  EXPECT_EQ(followable_pattern("^[^,]$").value(), "^[^\\\"\\\\\\x00-\\x1F\\x7F,]$");
}

TEST(SchemaPatternTest, WhatCannotBeFollowedIsRefused) {
  for (const char* pattern :
       {"",          "^",     "abc",    "^abc",  "abc$",   "^a\\$",  "^(?=a)$",
        "^(?<n>a)$", "^a^b$", "^a$b$",  "^\\1$", "^\\bx$", "^[a$",   "^[]$",
        "^(a$",      "^a)$",  "^a{x}$", "^a{$",  "^\"$",   "^\\\\$", "^[\"]$",
        "^[\\\\]$",  "^a\n$", "^\\",    "^\\D$", "^]$",    "^}$",    "^[\\^a]$"}) {
    const auto result = followable_pattern(pattern);
    ASSERT_FALSE(result) << pattern;
    EXPECT_EQ(result.error().code, Errc::malformed) << pattern;
  }
  EXPECT_EQ(
      followable_pattern("^" + std::string(30, '(') + std::string(30, ')') + "$").error().code,
      Errc::limit);
}

}  // namespace
}  // namespace confide::engine

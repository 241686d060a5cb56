#include "base/xml.h"

#include <gtest/gtest.h>

#include <string>

#include "base/testing.h"

namespace confide {
namespace {

std::string repeated(std::string_view what, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += what;
  return out;
}

TEST(CheckXml, TakesUtf8AndNothingElse) {
  for (const char* text :
       {"<a/>", "<?xml version='1.0'?><a/>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>",
        "<?xml version='1.0' encoding='utf-8'?><a/>", "\xEF\xBB\xBF<?xml encoding='UTF-8'?><a/>",
        "<a>encoding</a>"}) {
    EXPECT_TRUE(check_xml(text)) << text;
  }
  for (const char* text :
       {"<?xml version=\"1.0\" encoding=\"UTF-7\"?><a/>", "<?xml\tencoding='UTF-7'?><a/>",
        "<?xml\nencoding='ISO-8859-1'?><a/>", "<?xml\rencoding='UTF-16'?><a/>",
        "\xEF\xBB\xBF<?xml encoding='UTF-7'?><a/>", "<?xml encoding='UTF-7'"}) {
    EXPECT_EQ(refusal(check_xml(text)), Errc::malformed) << text;
  }
}

TEST(CheckXml, RefusesDocumentTypes) {
  EXPECT_EQ(refusal(check_xml("<!DOCTYPE a [<!ENTITY b \"c\">]><a/>")), Errc::malformed);
}

TEST(CheckXml, LimitsWhatParsersCompareWithOneAnother) {
  EXPECT_TRUE(check_xml("<a" + repeated(" b=''", 256) + "/><a b=''/>"));
  EXPECT_EQ(refusal(check_xml("<a" + repeated(" b='>'", 257) + "/>")), Errc::limit);
  EXPECT_TRUE(check_xml(repeated("<a xmlns='b'/>", 64)));
  EXPECT_EQ(refusal(check_xml(repeated("<a xmlns:c='b'/>", 65))), Errc::limit);
}

}  // namespace
}  // namespace confide

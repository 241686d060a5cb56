#include "evidence/rim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "evidence/testing/rim_xml.h"

namespace confide::evidence {
namespace {

using ::testing::HasSubstr;
using testing::rim_for;
using testing::write_rim;

std::string sample() { return write_rim(rim_for("599.01", "GPU", {7, 21})); }

// `text` with the first `from` replaced, which must be there.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string signature(const std::string& certificates) {
  return R"(</ns0:Payload><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">)"
         "<ds:KeyInfo><ds:X509Data>" +
         certificates + "</ds:X509Data></ds:KeyInfo></ds:Signature>";
}

TEST(Rim, ReadsVersionAndMeasurements) {
  const auto rim = parse_rim(sample());
  ASSERT_TRUE(rim) << rim.error().message;
  EXPECT_EQ(rim->product, "GH100");
  EXPECT_EQ(rim->edition, "GPU");
  EXPECT_EQ(rim->version, "599.01");
  EXPECT_EQ(rim->kind, RimKind::driver);
  ASSERT_EQ(rim->measurements.size(), 2U);
  EXPECT_EQ(rim->measurements[1].index, 21U);
  EXPECT_TRUE(rim->measurements[1].active);
  EXPECT_EQ(rim->measurements[1].size, 48U);
  EXPECT_THAT(rim->measurements[1].values, ::testing::ElementsAre(Bytes(48, 22)));
  EXPECT_TRUE(rim->certificates.empty());
  EXPECT_EQ(find_measurement(*rim, 21)->index, 21U);
  EXPECT_EQ(find_measurement(*rim, 22), nullptr);
}

TEST(Rim, TellsKindsApart) {
  const auto kind = [](const char* version, const char* edition) {
    return to_string(parse_rim(write_rim(rim_for(version, edition, {1})))->kind);
  };
  EXPECT_EQ(kind("550.144.03", "GPU"), "driver");
  EXPECT_EQ(kind("96.00.9F.00.01", "GPU"), "vbios");
  EXPECT_EQ(kind("96.10.55.00.01", "GPU"), "switch");
  EXPECT_EQ(kind("97.00.55.00.01", "SWITCH"), "switch");
}

TEST(Rim, ReadsAlternativesAsFarAsTheyAreStated) {
  Rim from = rim_for("599.01", "GPU", {7});
  from.measurements[0].values.push_back(Bytes(48, 0xEE));
  EXPECT_EQ(parse_rim(write_rim(from))->measurements[0].values.size(), 2U);
  const auto fewer = parse_rim(with(write_rim(from), R"(alternatives="2")", R"(alternatives="1")"));
  EXPECT_THAT(fewer->measurements[0].values, ::testing::ElementsAre(Bytes(48, 8)));
}

TEST(Rim, ReadsFlagsInEitherCase) {
  EXPECT_TRUE(parse_rim(with(sample(), "True", "true"))->measurements[0].active);
  EXPECT_FALSE(parse_rim(with(sample(), "True", "False"))->measurements[0].active);
  EXPECT_FALSE(parse_rim(with(sample(), "True", "false"))->measurements[0].active);
}

TEST(Rim, ListsCertificatesOfTheSignature) {
  const auto rim = parse_rim(with(sample(), "</ns0:Payload>",
                                  signature("<ds:X509Certificate>AQ\nI=\r\n</ds:X509Certificate>"
                                            "<ds:X509Certificate> Aw==\t</ds:X509Certificate>")));
  ASSERT_TRUE(rim) << rim.error().message;
  EXPECT_THAT(rim->certificates, ::testing::ElementsAre(Bytes{1, 2}, Bytes{3}));
}

TEST(Rim, LooksForCertificatesInNoOtherPlace) {
  const auto rim = parse_rim(with(sample(), "</ns0:Payload>",
                                  R"(<ds:X509Certificate xmlns:ds="http://www.w3.org/2000/09/)"
                                  R"(xmldsig#">AQI=</ds:X509Certificate></ns0:Payload>)"));
  ASSERT_TRUE(rim) << rim.error().message;
  EXPECT_TRUE(rim->certificates.empty());
}

struct Spoiled {
  const char* from;
  std::string to;
};

TEST(Rim, RefusesWhatIsNoManifest) {
  const std::vector<Spoiled> cases{
      {"SoftwareIdentity xmlns=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\"",
       "SoftwareIdentity"},
      {"iso/19770/-2/2015/schema.xsd\" xmlns:ns2", "iso/19770/-2/2009/schema.xsd\" xmlns:ns2"},
      {"<ns0:Meta", "<ns0:Mote"},
      {"</ns0:Payload>", "</ns0:Payload><ns0:Payload/>"},
      {"<ns0:Payload>", "<ns0:Meta product='x' edition='x' colloquialVersion='x'/><ns0:Payload>"},
      {"colloquialVersion=\"599.01\"", ""},
      {"colloquialVersion=\"599.01\"", "colloquialVersion=\"\""},
      {"colloquialVersion=\"599.01\"", "colloquialVersion=\"599 01\""},
      {"colloquialVersion=\"599.01\"", "colloquialVersion=\"599\x7f\""},
      {"edition=\"GPU\"", ""},
      {"product=\"GH100\"", ""},
      {"type=\"Measurement\"", "type=\"File\""},
      {"type=\"Measurement\"", ""},
      {"index=\"7\"", ""},
      {"index=\"7\"", "index=\"21\""},
      {"index=\"7\"", "index=\"254\""},
      {"index=\"7\"", "index=\"-7\""},
      {"index=\"7\"", "index=\"7a\""},
      {"index=\"7\"", "index=\"\""},
      {"index=\"7\"", "index=\"99999999999999999999\""},
      {"active=\"True\"", "active=\"yes\""},
      {"active=\"True\"", ""},
      {"size=\"48\"", ""},
      {"size=\"48\"", "size=\"47\""},
      {"size=\"48\"", "size=\"65\""},
      {"alternatives=\"1\"", ""},
      {"alternatives=\"1\"", "alternatives=\"2\""},
      {"alternatives=\"1\"", "alternatives=\"65\""},
      {"ns2:Hash0=\"08", "ns2:Hash0=\"0x"},
      {"ns2:Hash0=\"08", "ns2:Hash0=\"8"},
      {"ns2:Hash0=\"08", "Hash0=\"08"},
      {"</ns0:Payload>", signature("<ds:X509Certificate>A</ds:X509Certificate>")},
      {"</SoftwareIdentity>", ""},
      {"<SoftwareIdentity", "<!DOCTYPE SoftwareIdentity><SoftwareIdentity"},
      {"<SoftwareIdentity", "<!DOCTYPE x [<!ENTITY a \"b\">]><SoftwareIdentity"},
      {"name=\"Lab\"", "name=\"&lab;\""},
  };
  for (const Spoiled& c : cases) {
    const auto rim = parse_rim(with(sample(), c.from, c.to));
    ASSERT_EQ(refusal(rim), Errc::malformed) << c.from << " -> " << c.to;
  }
}

// A comment is not signed: read as UTF-7, this one ends where it should not and says what nobody
// signed, while a reader of UTF-8 sees the genuine manifest.
TEST(Rim, ReadsNoEncodingButUtf8) {
  const std::string comment =
      "<!--+AC0ALQA+ADw-ns0:Meta product=+ACI-x+ACI edition=+ACI-x+ACI "
      "colloquialVersion=+ACI-0+ACI-/+AD4APAAhAC0ALQ- --><ns0:Meta";
  const std::string text = with(sample(), "<ns0:Meta", comment);
  EXPECT_TRUE(parse_rim(text));
  for (const char* declaration :
       {"<?xml version=\"1.0\" encoding=\"UTF-7\"?>", "<?xml\tversion=\"1.0\" encoding=\"UTF-7\"?>",
        "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-7\"?>"}) {
    EXPECT_EQ(refusal(parse_rim(declaration + text)), Errc::malformed) << declaration;
  }
  EXPECT_TRUE(parse_rim("\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>" + text));
}

TEST(Rim, IsNotKeptBusyByAttributes) {
  std::string flood;
  for (int i = 0; i < 257; ++i) flood += " a" + std::to_string(i) + "=''";
  EXPECT_EQ(refusal(parse_rim(with(sample(), " name=\"Lab\"", flood))), Errc::limit);
}

TEST(Rim, SaysWhichRuleItIs) {
  EXPECT_THAT(parse_rim("").error().message, HasSubstr("G12: "));
  EXPECT_EQ(refusal(parse_rim("")), Errc::malformed);
  EXPECT_EQ(refusal(parse_rim("no XML")), Errc::malformed);
  EXPECT_THAT(parse_rim("no XML").error().message, HasSubstr("not XML"));
  EXPECT_EQ(refusal(parse_rim("<x/>")), Errc::malformed);
}

TEST(Rim, AMeasurementOfNoBytesNeedsItsValueToo) {
  Rim from = rim_for("599.01", "GPU", {7});
  from.measurements[0].size = 0;
  from.measurements[0].values = {Bytes()};
  EXPECT_TRUE(parse_rim(write_rim(from)));
  EXPECT_EQ(refusal(parse_rim(with(write_rim(from), "ns2:Hash0=\"\"", ""))), Errc::malformed);
}

TEST(Rim, AcceptsTheGreatestIndexSizeAndNumberOfAlternatives) {
  Rim from = rim_for("599.01", "GPU", {253});
  from.measurements[0].size = 64;
  from.measurements[0].values = std::vector<Bytes>(64, Bytes(64, 1));
  EXPECT_TRUE(parse_rim(write_rim(from)));
}

TEST(Rim, LimitsSizeAndCertificates) {
  std::string padded = sample();
  padded.resize(kMaxRimBytes, ' ');
  EXPECT_TRUE(parse_rim(padded));
  EXPECT_EQ(refusal(parse_rim(padded + " ")), Errc::limit);
  std::string certificates;
  for (int i = 0; i < 8; ++i) certificates += "<ds:X509Certificate>AQI=</ds:X509Certificate>";
  EXPECT_TRUE(parse_rim(with(sample(), "</ns0:Payload>", signature(certificates))));
  certificates += "<ds:X509Certificate>AQI=</ds:X509Certificate>";
  EXPECT_EQ(refusal(parse_rim(with(sample(), "</ns0:Payload>", signature(certificates)))),
            Errc::malformed);
}

}  // namespace
}  // namespace confide::evidence

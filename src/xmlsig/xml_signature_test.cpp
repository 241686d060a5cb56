#include "xmlsig/xml_signature.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing.h"
#include "crypto/x509_testing.h"
#include "xmlsig/xml_signature_testing.h"

namespace confide::xmlsig {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDocument =
    "<rim xmlns=\"urn:rim\" xmlns:m=\"urn:m\">\n  <m:Payload><Value index=\"1\" hash=\"ab\"/>"
    "</m:Payload>\n</rim>";

Status verdict(std::string_view text) {
  TRY(verify_enveloped_xml_signature(as_bytes(text)));
  return {};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) ADD_FAILURE() << "no " << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string between(const std::string& text, std::string_view from, std::string_view to) {
  const std::size_t begin = text.find(from);
  const std::size_t end = text.find(to, begin);
  if (end == std::string::npos) ADD_FAILURE() << "no " << from;
  return text.substr(begin, end + to.size() - begin);
}

struct XmlSignatureTest : ::testing::Test {
  crypto::TestPki pki;
  std::vector<crypto::Certificate> chain = {pki.leaf, pki.intermediate, pki.root};
  std::string good = sign_xml_for_test(kDocument, pki.leaf_key, chain);
};

TEST_F(XmlSignatureTest, ReturnsTheCertificatesInOrder) {
  const auto found = verify_enveloped_xml_signature(as_bytes(good));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(*found == chain);
}

TEST_F(XmlSignatureTest, EveryKindOfKeySigns) {
  for (const crypto::KeyKind kind :
       {crypto::KeyKind::p256, crypto::KeyKind::p384, crypto::KeyKind::rsa}) {
    const auto key = crypto::SigningKey::generate(kind);
    auto request = test_request("Signer", pki.leaf_key);
    request.subject_key = key.public_key();
    const std::vector one = {issue_certificate(request, pki.root_key, &pki.root).value()};
    const auto status = verdict(sign_xml_for_test(kDocument, key, one));
    EXPECT_TRUE(status) << status.error().message;
  }
}

TEST_F(XmlSignatureTest, SurvivesWhatCanonicalizationLevelsOut) {
  EXPECT_TRUE(verdict(replaced(good, "<Value index=\"1\" hash=\"ab\"/>",
                               "<Value  hash='ab'  index=\"1\"></Value>")));
  EXPECT_TRUE(verdict(replaced(good, "<Value ", "<!-- said aside --><Value ")));
}

TEST_F(XmlSignatureTest, RefusesChangedContent) {
  for (const auto& [from, to] :
       {std::pair{"index=\"1\"", "index=\"2\""}, std::pair{"<Value ", "<Other/><Value "},
        std::pair{"urn:m", "urn:n"}, std::pair{"\n  <m:", "\n   <m:"},
        std::pair{"</rim>", "<more/></rim>"}, std::pair{"<rim ", "<rim x=\"y\" "}}) {
    EXPECT_EQ(refusal(verdict(replaced(good, from, to))), Errc::bad_signature) << from;
  }
}

TEST_F(XmlSignatureTest, RefusesChangedDigestOrSignature) {
  for (const char* name : {"<ds:DigestValue>", "<ds:SignatureValue>"}) {
    std::string bad = good;
    char& c = bad[bad.find(name) + std::string_view(name).size() + 2];
    c = c == 'A' ? 'B' : 'A';
    EXPECT_EQ(refusal(verdict(bad)), Errc::bad_signature) << name;
  }
}

TEST_F(XmlSignatureTest, TheFirstCertificateIsTheSigner) {
  std::swap(chain[0], chain[1]);
  EXPECT_EQ(refusal(verdict(sign_xml_for_test(kDocument, pki.leaf_key, chain))),
            Errc::bad_signature);
}

TEST_F(XmlSignatureTest, RefusesOtherShapes) {
  const std::string signature = between(good, "<ds:Signature ", "</ds:Signature>");
  const std::string reference = between(good, "<ds:Reference ", "</ds:Reference>");
  const std::string certificate = between(good, "<ds:X509Certificate>", "</ds:X509Certificate>");
  const std::string key_info = between(good, "<ds:KeyInfo>", "</ds:KeyInfo>");
  const std::string data = between(good, "<ds:X509Data>", "</ds:X509Data>");
  const std::string c14n = "<ds:Transform Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"/>";
  const std::string enveloped = between(good, "<ds:Transform ", "/>");
  const std::string unsigned_text = replaced(good, signature, "");

  const std::pair<const char*, std::string> cases[] = {
      {"no signature", unsigned_text},
      {"two signatures", replaced(good, "</rim>", signature + "</rim>")},
      {"a second one below", replaced(good, "</m:Payload>", signature + "</m:Payload>")},
      {"not right below the root",
       replaced(unsigned_text, "</m:Payload>", signature + "</m:Payload>")},
      {"the whole document wrapped", "<fake>" + good.substr(good.find("<rim")) + "</fake>"},
      {"the signature is the root", signature},
      {"a foreign namespace",
       replaced(good, "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "xmlns:ds=\"urn:other\"")},
      {"two references", replaced(good, reference, reference + reference)},
      {"no reference", replaced(good, reference, "")},
      {"a reference to a part", replaced(good, "URI=\"\"", "URI=\"#payload\"")},
      {"a reference to a file", replaced(good, "URI=\"\"", "URI=\"file:///etc/passwd\"")},
      {"a reference to the root", replaced(good, "URI=\"\"", "URI=\"#xpointer(/)\"")},
      {"a reference to nothing said", replaced(good, " URI=\"\"", "")},
      {"no transforms", replaced(good, between(good, "<ds:Transforms>", "</ds:Transforms>"), "")},
      {"not enveloped", replaced(good, enveloped, "")},
      {"no canonicalization", replaced(good, c14n, "")},
      {"transforms in the other order", replaced(good, enveloped + "\n" + c14n, c14n + enveloped)},
      {"XPath", replaced(good, enveloped,
                         enveloped + "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/"
                                     "REC-xpath-19991116\"><ds:XPath>1</ds:XPath></ds:Transform>")},
      {"XPath in place",
       replaced(good, c14n,
                "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>")},
      {"XSLT", replaced(good, enveloped,
                        "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\""
                        "/>")},
      {"a parameter", replaced(good, enveloped,
                               enveloped.substr(0, enveloped.size() - 2) +
                                   "><ds:XPath>1</ds:XPath></ds:Transform>")},
      {"SHA-1 as digest", replaced(good, "http://www.w3.org/2001/04/xmlenc#sha256",
                                   "http://www.w3.org/2000/09/xmldsig#sha1")},
      {"SHA-1 in the signature", replaced(good, "#ecdsa-sha256", "#ecdsa-sha1")},
      {"HMAC", replaced(good, "#ecdsa-sha256", "#hmac-sha256")},
      {"another canonicalization",
       replaced(good, "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2006/12/xml-c14n11",
                "<ds:CanonicalizationMethod Algorithm=\"urn:c14n")},
      {"a signature of RSA by an EC key", replaced(good, "#ecdsa-sha256", "#rsa-sha256")},
      {"an object", replaced(good, "</ds:Signature>", "<ds:Object/></ds:Signature>")},
      {"no certificates", replaced(good, key_info, "")},
      {"an empty list of certificates", replaced(good, data, "<ds:X509Data/>")},
      {"a key by name", replaced(good, data, "<ds:KeyName>key</ds:KeyName>")},
      {"a key value before them", replaced(good, data, "<ds:KeyValue/>" + data)},
      {"a second list", replaced(good, data, data + data)},
      {"a subject name", replaced(good, certificate, "<ds:X509SubjectName/>" + certificate)},
      {"nine certificates", replaced(good, certificate,
                                     certificate + certificate + certificate + certificate +
                                         certificate + certificate + certificate)},
  };
  for (const auto& [what, text] : cases) {
    EXPECT_EQ(refusal(verdict(text)), Errc::unsupported) << what << "\n" << text;
  }
}

TEST_F(XmlSignatureTest, RefusesUnreadableCertificates) {
  const std::string certificate = between(good, "<ds:X509Certificate>", "</ds:X509Certificate>");
  for (const char* inside : {"", "AAAA", "?", "MIIB"}) {
    EXPECT_EQ(refusal(verdict(replaced(
                  good, certificate,
                  std::string("<ds:X509Certificate>") + inside + "</ds:X509Certificate>"))),
              Errc::malformed);
  }
}

TEST_F(XmlSignatureTest, RefusesDocumentTypesEntitiesAndOtherEncodings) {
  const std::string body = good.substr(good.find("<rim"));
  for (const std::string& text :
       {std::string(), std::string("rubbish"), body + "x", body + body, "<!DOCTYPE rim>" + body,
        "<!DOCTYPE rim [<!ENTITY a \"b\">]>" + body,
        "<!DOCTYPE rim SYSTEM \"http://127.0.0.1/rim.dtd\">" + body,
        replaced(body, "<Value ", "&a;<Value "), replaced(body, "<Value ", "\xFF<Value "),
        replaced(body, "<Value ", std::string(1, '\0') + "<Value "),
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>" + body,
        "<?xml version=\"1.0\" encoding='ISO-8859-1'?>" + body,
        "<?xml\tversion=\"1.0\" encoding=\"UTF-7\"?>" + body,
        "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-7\"?>" + body}) {
    EXPECT_EQ(refusal(verdict(text)), Errc::malformed) << text.substr(0, 80);
  }
  EXPECT_TRUE(verdict("<?xml version=\"1.0\" encoding='utf-8'?>" + body));
}

TEST_F(XmlSignatureTest, RefusesHugeOrDeepDocuments) {
  EXPECT_EQ(refusal(verdict(std::string((4U << 20U) + 1, ' '))), Errc::limit);
  std::string deep;
  for (int i = 0; i < 62; ++i) deep = "<a>" + deep + "</a>";
  EXPECT_TRUE(verdict(sign_xml_for_test("<rim>" + deep + "</rim>", pki.leaf_key, chain)));
  EXPECT_EQ(refusal(verdict("<rim><a><a>" + deep + "</a></a></rim>")), Errc::limit);
  std::string flood;
  for (int i = 0; i < 257; ++i) flood += " a" + std::to_string(i) + "=''";
  EXPECT_EQ(refusal(verdict("<rim" + flood + "/>")), Errc::limit);
  std::string abyss;
  for (int i = 0; i < 100'000; ++i) abyss += "<a>";
  EXPECT_EQ(refusal(verdict(abyss)), Errc::malformed);
}

TEST_F(XmlSignatureTest, WorksInManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> accepted = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) accepted += verdict(good).has_value() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 80);
}

// NVIDIA's own manifests and what was made of them.
std::optional<Errc> verdict_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return refusal(verdict(std::string{std::istreambuf_iterator<char>(in), {}}));
}

TEST(NvidiaManifests, AreJudgedAsTheReferencesDo) {
  const fs::path top(CONFIDE_VECTORS);
  if (!fs::exists(top)) GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  const std::pair<const char*, std::optional<Errc>> cases[] = {
      {"nvidia-rim/driver-545.00-test/rim.xml", {}},
      {"nvidia-rim/driver-550.144.03/rim.xml", {}},
      {"nvidia-rim/neg-driver-570-expired/rim.xml", Errc::bad_signature},
      {"nvidia-rim/vbios-1010-9600740011/rim.xml", {}},
      {"nvidia-rim/vbios-1010-960074001C/rim.xml", {}},
      {"nvidia-rim/vbios-g520-96006D0029/rim.xml", {}},
      {"nvidia-rim/vbios-g520-9600740001/rim.xml", {}},
      {"nvidia-rim/neg-driver-535-edited/rim.xml", Errc::bad_signature},
      {"nvidia-rim/neg-driver-bad-signature/rim.xml", Errc::bad_signature},
      {"nvidia-rim/neg-switch-bad-signature/rim.xml", Errc::bad_signature},
      {"nvidia-rim/neg-switch-edited/rim.xml", Errc::bad_signature},
      {"nvidia-synthetic/rim-exc-c14n/driver_rim.xml", {}},
      {"nvidia-synthetic/rim-sha256/driver_rim.xml", {}},
      {"nvidia-synthetic/rim-signed-two-payloads/driver_rim.xml", {}},  // the reader's business
      {"nvidia-synthetic/rim-unsigned/driver_rim.xml", Errc::unsupported},
      {"nvidia-synthetic/rim-ref-payload-id/driver_rim.xml", Errc::unsupported},
      {"nvidia-synthetic/rim-xpath-excludes-payload/driver_rim.xml", Errc::unsupported},
      {"nvidia-synthetic/rim-xsw-sig-moved/driver_rim.xml", Errc::bad_signature},
      {"nvidia-synthetic/rim-signer-hidden/driver_rim.xml", Errc::bad_signature},
      {"nvidia-synthetic/rim-real-chain-other-key/driver_rim.xml", Errc::bad_signature},
  };
  for (const auto& [file, expected] : cases) {
    EXPECT_EQ(verdict_of(top / file), expected) << file;
  }
}

}  // namespace
}  // namespace confide::xmlsig

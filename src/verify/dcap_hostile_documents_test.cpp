// TCB infos and QE identities with one thing wrong, signed as if nothing were. The check named
// beside each must be the first that fails.
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "verify/testing/dcap_trial.h"

namespace confide::verify {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using testing::DcapLab;
using testing::SgxLab;
using testing::TdxLab;
using testing::Trial;

template <class Lab>
class HostileDocument : public ::testing::Test {
 protected:
  Trial<Lab> trial;
};
using Labs = ::testing::Types<TdxLab, SgxLab>;
TYPED_TEST_SUITE(HostileDocument, Labs);

// Every path to a value in a document, as JSON pointers.
void list_paths(const Json& value, const std::string& path, std::vector<std::string>& out) {
  if (!path.empty()) out.push_back(path);
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) list_paths(member, path + "/" + name, out);
  } else if (value.is_array() && !value.empty() && !value[0].is_string()) {
    list_paths(value[0], path + "/0", out);  // the others are like it
  }
}

const std::set<std::string> kOptional{"/tdxModule", "/tdxModuleIdentities"};

// A member less, or of another type, in each place. A level without advisories has none.
template <class Lab>
void spoil_document(Trial<Lab>& trial, Json DcapLab::* document, const std::string& check) {
  std::vector<std::string> paths;
  list_paths(trial.lab().*document, "", paths);
  for (const std::string& path : paths) {
    const Json::json_pointer at(path);
    for (const Json& value : {Json(nullptr), Json(-1), Json(1e300), Json("x"), Json::array({1})}) {
      // A module identity of another name is well-formed, and missing.
      const bool renamed = path == "/tdxModuleIdentities/0/id" && value.is_string();
      trial.documented(path + " = " + value.dump(), renamed ? "module" : check, document,
                       [&](Json& text) { text[at] = value; });
    }
    const bool may_lack = path.ends_with("/advisoryIDs") || kOptional.contains(path);
    if (may_lack || path.ends_with("/0")) continue;
    trial.documented(path + " missing", check, document,
                     [&](Json& text) { text[at.parent_pointer()].erase(at.back()); });
  }
}

TYPED_TEST(HostileDocument, TcbInfoWithoutWhatItNeeds) {
  spoil_document(this->trial, &DcapLab::tcb_info, "tcb.info");
  EXPECT_GT(this->trial.count(), 100);
}

TYPED_TEST(HostileDocument, QeIdentityWithoutWhatItNeeds) {
  spoil_document(this->trial, &DcapLab::qe_identity, "qe.identity");
  EXPECT_GT(this->trial.count(), 80);
}

TYPED_TEST(HostileDocument, DocumentsThatAreNoProperJson) {
  const auto& lab = this->trial.lab();
  for (const bool tcb : {true, false}) {
    const std::string good = tcb ? lab.collateral().tcb_info : lab.collateral().qe_identity;
    const std::string rest = good.substr(1);
    const std::string inner = good.substr(1, good.size() - 2);
    const std::vector<std::string> wrong{
        "",
        " ",
        "{}",
        "[]",
        "null",
        "1",
        "\"x\"",
        good + "x",
        good + good,
        rest,
        good.substr(0, good.size() - 1),
        "[" + good + "]",
        "\xef\xbb\xbf" + good,
        good + std::string(1, '\0'),
        "{\"version\":3," + rest,
        "{" + inner + ",\"version\":3}",
        "{\"id\":\"SGX\"," + rest,
        "{\"tcbLevels\":[]," + rest,
        "{\"i\\u0064\":\"TDX\"," + rest,
        "{\"x\":" + std::string(100, '[') + std::string(100, ']') + "," + rest,
        "{\"x\":\"" + std::string(5U << 20U, 'x') + "\"," + rest,
        "{\"x\":1e999," + rest,
        "{\"x\":NaN," + rest,
        "{\"x\":\"\xff\"," + rest,
        "{\"x\":01," + rest,
        "{'x':1," + rest,
        "{/**/" + rest};
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      this->trial.signed_text(fmt::format("document {} {}", tcb, i),
                              tcb ? "tcb.info" : "qe.identity", tcb, wrong[i]);
    }
  }
  EXPECT_EQ(this->trial.count(), 54);
}

TYPED_TEST(HostileDocument, DocumentsAndTheirSignatures) {
  auto& trial = this->trial;
  using Lab = TypeParam;
  for (const bool tcb : {true, false}) {
    const auto with = [&](const char* what, auto change) {
      trial.forged(what, tcb ? "tcb.info" : "qe.identity", [&](auto&, auto& c, const Lab& o) {
        change(tcb ? c.tcb_info : c.qe_identity,
               tcb ? c.tcb_info_signature : c.qe_identity_signature, o);
      });
    };
    with("a blank more", [](auto& text, auto&, auto&) { text += ' '; });
    with("a digit changed", [](auto& text, auto&, auto&) { text[text.find("2026")] = '3'; });
    with("in upper case", [](auto& text, auto&, auto&) { text[2] = 'X'; });
    with("flipped in r", [](auto&, auto& signature, auto&) { signature[0] ^= 1U; });
    with("flipped in s", [](auto&, auto& signature, auto&) { signature[63] ^= 1U; });
    with("with r of zero", [](auto&, auto& s, auto&) { std::fill_n(s.begin(), 32, 0); });
    with("with s of zero", [](auto&, auto& s, auto&) { std::fill_n(s.begin() + 32, 32, 0); });
    with("with r of ones", [](auto&, auto& s, auto&) { std::fill_n(s.begin(), 32, 0xff); });
    with("zero", [](auto&, auto& signature, auto&) { signature.fill(0); });
    with("signed by a stranger", [](auto& text, auto& signature, const Lab& o) {
      signature = o.tcb_signer.key.sign(as_bytes(text));
    });
    with("signed by the PCK", [&](auto& text, auto& signature, auto&) {
      signature = trial.lab().pck.key.sign(as_bytes(text));
    });
    with("signed by the root", [&](auto& text, auto& signature, auto&) {
      signature = trial.lab().root.key.sign(as_bytes(text));
    });
  }
  EXPECT_EQ(trial.count(), 24);
}

TYPED_TEST(HostileDocument, DatesOfDocuments) {
  const auto with = [&](Json DcapLab::* document, const char* check) {
    for (const auto& [member, off] :
         std::vector<std::pair<const char*, seconds>>{{"nextUpdate", seconds{-1}},
                                                      {"nextUpdate", days{-1}},
                                                      {"nextUpdate", days{-3000}},
                                                      {"issueDate", seconds{1}},
                                                      {"issueDate", days{1}},
                                                      {"issueDate", days{3000}}}) {
      const std::string date = to_rfc3339(this->trial.lab().at + off);
      this->trial.documented(fmt::format("{} by {} s", member, off.count()), check, document,
                             [&](Json& text) { text[member] = date; });
    }
    for (const char* date :
         {"", "2026", "2026-06-01", "2026-06-01T00:00:00", "2026-13-01T00:00:00Z",
          "2026-06-01 00:00:00Z", "2026-06-01T00:00:00+02:00"}) {
      this->trial.documented(fmt::format("dated '{}'", date), check, document,
                             [&](Json& text) { text["issueDate"] = date; });
    }
  };
  with(&DcapLab::tcb_info, "tcb.info");
  with(&DcapLab::qe_identity, "qe.identity");
  EXPECT_EQ(this->trial.count(), 26);
}

TYPED_TEST(HostileDocument, PlatformsTheTcbInfoIsNotFor) {
  using Lab = TypeParam;
  for (std::size_t i = 0; i < 6; ++i) {
    this->trial.made("FMSPC", "tcb.info", [&](Lab& l) { l.platform.fmspc[i] ^= 0x10U; });
  }
  for (std::size_t i = 0; i < 2; ++i) {
    this->trial.made("PCE-ID", "tcb.info", [&](Lab& l) { l.platform.pce_id[i] ^= 0x10U; });
  }
  for (const char* id : {"", "sgx", "tdx", "SGX ", "TDX ", "QE", "NVIDIA"}) {
    this->trial.documented("id", "tcb.info", &DcapLab::tcb_info,
                           [&](Json& text) { text["id"] = id; });
  }
  for (const char* id : {"", "qe", "td_qe", "QVE", "TDQE", "SGX", "TDX"}) {
    this->trial.documented("QE id", "qe.identity", &DcapLab::qe_identity,
                           [&](Json& text) { text["id"] = id; });
  }
  for (const int version : {0, 1, 4, 255, 65536}) {
    this->trial.documented("version", "tcb.info", &DcapLab::tcb_info,
                           [&](Json& text) { text["version"] = version; });
  }
  for (const int version : {0, 1, 3, 4, 65536}) {
    this->trial.documented("QE version", "qe.identity", &DcapLab::qe_identity,
                           [&](Json& text) { text["version"] = version; });
  }
  for (const int type : {-1, 1, 2, 255}) {
    this->trial.documented("TCB type", "tcb.info", &DcapLab::tcb_info,
                           [&](Json& text) { text["tcbType"] = type; });
  }
  EXPECT_EQ(this->trial.count(), 36);
}

TYPED_TEST(HostileDocument, StatusesThatAreNotTheBest) {
  for (const char* status :
       {"SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded",
        "OutOfDate", "OutOfDateConfigurationNeeded", "Revoked"}) {
    this->trial.documented(status, "tcb.status", &DcapLab::tcb_info,
                           [&](Json& text) { text["tcbLevels"][0]["tcbStatus"] = status; });
  }
  for (const char* status : {"OutOfDate", "Revoked"}) {
    this->trial.documented(status, "tcb.status", &DcapLab::qe_identity,
                           [&](Json& text) { text["tcbLevels"][0]["tcbStatus"] = status; });
  }
  for (const char* status : {"", "uptodate", "UpToDate ", "Fine", "NotSupported",
                             "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"}) {
    this->trial.documented(status, "tcb.info", &DcapLab::tcb_info,
                           [&](Json& text) { text["tcbLevels"][0]["tcbStatus"] = status; });
    this->trial.documented(status, "qe.identity", &DcapLab::qe_identity,
                           [&](Json& text) { text["tcbLevels"][0]["tcbStatus"] = status; });
  }
  EXPECT_EQ(this->trial.count(), 22);
}

}  // namespace
}  // namespace confide::verify

#include "evidence/tdx_collateral.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::evidence {
namespace {

Json components(int first) {
  Json out = Json::array();
  for (int i = 0; i < 16; ++i) out.push_back(Json{{"svn", first + i}, {"category", "BIOS"}});
  return out;
}

Json isv_level() {
  return Json{{"tcb", {{"isvsvn", 5}}},
              {"tcbDate", "2025-05-14T00:00:00Z"},
              {"tcbStatus", "OutOfDate"},
              {"advisoryIDs", {"INTEL-SA-01192", "INTEL-SA-01245"}}};
}

Json module() {
  return Json{{"mrsigner", std::string(96, 'A')},
              {"attributes", "0000000000000001"},
              {"attributesMask", "FFFFFFFFFFFFFFFE"}};
}

Json tcb_info() {
  Json identity = module();
  identity["id"] = "TDX_01";
  identity["tcbLevels"] = Json::array({isv_level()});
  Json level = {{"tcb",
                 {{"sgxtcbcomponents", components(0)},
                  {"pcesvn", 11},
                  {"tdxtcbcomponents", components(100)}}},
                {"tcbDate", "2025-08-13T00:00:00Z"},
                {"tcbStatus", "UpToDate"}};
  return Json{{"id", "TDX"},
              {"version", 3},
              {"issueDate", "2026-08-13T10:45:38Z"},
              {"nextUpdate", "2026-09-12T10:45:38Z"},
              {"fmspc", "B0C06F000000"},
              {"pceId", "0102"},
              {"tcbType", 0},
              {"tcbEvaluationDataNumber", 20},
              {"tdxModule", module()},
              {"tdxModuleIdentities", Json::array({identity})},
              {"tcbLevels", Json::array({level})}};
}

Json qe_identity() {
  return Json{{"id", "TD_QE"},
              {"version", 2},
              {"issueDate", "2026-08-12T23:57:43Z"},
              {"nextUpdate", "2026-09-11T23:57:43Z"},
              {"miscselect", "01000000"},
              {"miscselectMask", "FFFFFFFF"},
              {"attributes", "11000000000000000000000000000000"},
              {"attributesMask", "FBFFFFFFFFFFFFFF0000000000000000"},
              {"mrsigner", std::string(64, 'B')},
              {"isvprodid", 2},
              {"tcbLevels", Json::array({isv_level()})}};
}

Errc tcb_error(const Json& info) {
  const auto out = parse_tcb_info(info.dump());
  EXPECT_FALSE(out) << info.dump();
  return out ? Errc::internal : out.error().code;
}

Errc qe_error(const Json& identity) {
  const auto out = parse_qe_identity(identity.dump());
  EXPECT_FALSE(out) << identity.dump();
  return out ? Errc::internal : out.error().code;
}

TEST(TdxCollateral, ReadsWhatItWrote) {
  TdxCollateral in;
  in.tcb_info = R"({"a": 1})";
  in.tcb_info_signature.fill(1);
  in.tcb_info_issuer_chain = "tcb chain";
  in.qe_identity = R"({"b": 2})";
  in.qe_identity_signature.fill(2);
  in.qe_identity_issuer_chain = "qe chain";
  in.pck_crl = {3};
  in.pck_crl_issuer_chain = "crl chain";
  in.root_ca_crl = {4};
  const Json written = tdx_collateral_to_json(in);
  const auto out = parse_tdx_collateral(written);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->tcb_info, in.tcb_info);
  EXPECT_EQ(out->tcb_info_signature, in.tcb_info_signature);
  EXPECT_EQ(out->qe_identity_signature, in.qe_identity_signature);
  EXPECT_EQ(out->pck_crl, in.pck_crl);
  EXPECT_EQ(tdx_collateral_to_json(*out), written);
  for (const auto& [name, value] : written.items()) {
    Json lacking = written;
    lacking.erase(name);
    EXPECT_EQ(parse_tdx_collateral(lacking).error().code, Errc::malformed) << name;
    lacking[name] = 7;
    EXPECT_EQ(parse_tdx_collateral(lacking).error().code, Errc::malformed) << name;
  }
  EXPECT_EQ(parse_tdx_collateral(Json::array()).error().code, Errc::malformed);
}

TEST(TdxCollateral, StatusesHaveIntelsNames) {
  EXPECT_EQ(to_string(TcbStatus::up_to_date), "UpToDate");
  EXPECT_EQ(to_string(TcbStatus::configuration_and_sw_hardening_needed),
            "ConfigurationAndSWHardeningNeeded");
  EXPECT_EQ(parse_tcb_status("OutOfDateConfigurationNeeded").value(),
            TcbStatus::out_of_date_configuration_needed);
  EXPECT_EQ(parse_tcb_status("uptodate").error().code, Errc::malformed);
}

TEST(TcbInfo, ReadsEveryField) {
  const auto info = parse_tcb_info(tcb_info().dump());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->id, "TDX");
  EXPECT_EQ(info->version, 3);
  EXPECT_EQ(to_rfc3339(info->issue_date), "2026-08-13T10:45:38Z");
  EXPECT_EQ(to_rfc3339(info->next_update), "2026-09-12T10:45:38Z");
  EXPECT_EQ(to_hex(info->fmspc), "b0c06f000000");
  EXPECT_EQ(to_hex(info->pce_id), "0102");
  EXPECT_EQ(info->evaluation_data_number, 20);
  ASSERT_TRUE(info->module);
  EXPECT_EQ(to_hex(info->module->attributes_mask), "fffffffffffffffe");
  ASSERT_EQ(info->module_identities.size(), 1U);
  EXPECT_EQ(info->module_identities[0].id, "TDX_01");
  ASSERT_EQ(info->module_identities[0].levels.size(), 1U);
  EXPECT_EQ(info->module_identities[0].levels[0].isv_svn, 5);
  EXPECT_EQ(info->module_identities[0].levels[0].status, TcbStatus::out_of_date);
  EXPECT_EQ(info->module_identities[0].levels[0].advisory_ids.size(), 2U);
  ASSERT_EQ(info->levels.size(), 1U);
  EXPECT_EQ(info->levels[0].sgx_svn[15], 15);
  EXPECT_EQ(info->levels[0].tdx_svn[1], 101);
  EXPECT_EQ(info->levels[0].pce_svn, 11);
  EXPECT_TRUE(info->levels[0].advisory_ids.empty());
}

TEST(TcbInfo, RefusesOtherVersionsAndTypes) {
  Json info = tcb_info();
  for (const int version : {0, 1, 4}) {
    info["version"] = version;
    EXPECT_EQ(tcb_error(info), Errc::unsupported) << version;
  }
  info = tcb_info();
  info["tcbType"] = 1;
  EXPECT_EQ(tcb_error(info), Errc::unsupported);
}

Json sgx_tcb_info() {
  Json info = tcb_info();
  info["id"] = "SGX";
  info.erase("tdxModule");
  info.erase("tdxModuleIdentities");
  for (Json& level : info["tcbLevels"]) level["tcb"].erase("tdxtcbcomponents");
  return info;
}

// As PCS API version 3 wrote it.
Json tcb_info_v2() {
  Json info = sgx_tcb_info();
  info["version"] = 2;
  info.erase("id");
  for (Json& level : info["tcbLevels"]) {
    Json& tcb = level["tcb"];
    tcb.erase("sgxtcbcomponents");
    for (int i = 1; i <= 16; ++i) {
      tcb[(i < 10 ? "sgxtcbcomp0" : "sgxtcbcomp") + std::to_string(i) + "svn"] = 100 + i;
    }
  }
  return info;
}

TEST(TcbInfo, OfSgxHasNoTdxComponents) {
  const auto info = parse_tcb_info(sgx_tcb_info().dump());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->id, "SGX");
  EXPECT_EQ(info->version, 3);
  EXPECT_FALSE(info->module);
  EXPECT_TRUE(info->module_identities.empty());
  EXPECT_EQ(info->levels[0].sgx_svn[15], 15);
  EXPECT_EQ(info->levels[0].tdx_svn[1], 0);
}

TEST(TcbInfo, OfTdxNeedsThem) {
  Json info = sgx_tcb_info();
  info["id"] = "TDX";
  EXPECT_EQ(tcb_error(info), Errc::malformed);
}

TEST(TcbInfo, OfVersion2NumbersItsComponentsAndIsForSgx) {
  const auto info = parse_tcb_info(tcb_info_v2().dump());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->id, "SGX");
  EXPECT_EQ(info->version, 2);
  EXPECT_EQ(info->levels[0].sgx_svn[0], 101);
  EXPECT_EQ(info->levels[0].sgx_svn[15], 116);
  Json named = tcb_info_v2();
  named["id"] = "TDX";
  EXPECT_EQ(parse_tcb_info(named.dump()).value().id, "SGX");
  for (const char* name : {"sgxtcbcomp01svn", "sgxtcbcomp16svn", "pcesvn"}) {
    Json without = tcb_info_v2();
    without["tcbLevels"][0]["tcb"].erase(name);
    EXPECT_EQ(tcb_error(without), Errc::malformed) << name;
  }
}

TEST(TcbInfo, NamesTheMemberThatIsWrong) {
  for (const char* name : {"fmspc", "issueDate"}) {
    Json info = tcb_info();
    info[name] = "x";
    EXPECT_THAT(parse_tcb_info(info.dump()).error().message,
                ::testing::HasSubstr(std::string("'") + name + "'"));
  }
  Json object = tdx_collateral_to_json({});
  object["pck_crl"] = "x";
  EXPECT_THAT(parse_tdx_collateral(object).error().message, ::testing::HasSubstr("'pck_crl'"));
}

TEST(TcbInfo, ListsNoStatusThatComparingFinds) {
  for (const char* status : {"TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"}) {
    EXPECT_TRUE(parse_tcb_status(status));
    Json info = tcb_info();
    info["tcbLevels"][0]["tcbStatus"] = status;
    EXPECT_EQ(tcb_error(info), Errc::malformed);
  }
}

TEST(TcbInfo, RefusesMissingMembersButNotOptionalOnes) {
  const Json good = tcb_info();
  for (const auto& [name, value] : good.items()) {
    Json info = good;
    info.erase(name);
    if (name == "tdxModule" || name == "tdxModuleIdentities") {
      EXPECT_TRUE(parse_tcb_info(info.dump())) << name;
    } else {
      EXPECT_EQ(tcb_error(info), Errc::malformed) << name;
    }
    info[name] = nullptr;
    EXPECT_EQ(tcb_error(info), Errc::malformed) << name;
  }
}

TEST(TcbInfo, RefusesBadLevels) {
  const auto spoiled = [](std::string_view pointer, Json value) {
    Json info = tcb_info();
    info[Json::json_pointer(std::string(pointer))] = std::move(value);
    return tcb_error(info);
  };
  EXPECT_EQ(spoiled("/tcbLevels", Json::array()), Errc::malformed);
  EXPECT_EQ(spoiled("/tcbLevels/0/tcbStatus", "Fine"), Errc::malformed);
  EXPECT_EQ(spoiled("/tcbLevels/0/tcbDate", "2025-08-13"), Errc::malformed);
  EXPECT_EQ(spoiled("/tcbLevels/0/advisoryIDs", Json::array({1})), Errc::malformed);
  EXPECT_EQ(spoiled("/tcbLevels/0/tcb/pcesvn", 65536), Errc::malformed);
  EXPECT_EQ(spoiled("/tcbLevels/0/tcb/sgxtcbcomponents/3/svn", 256), Errc::malformed);
  EXPECT_EQ(spoiled("/tcbLevels/0/tcb/tdxtcbcomponents/3/svn", -1), Errc::malformed);
  EXPECT_EQ(spoiled("/tcbLevels/0/tcb/tdxtcbcomponents/16", Json{{"svn", 1}}), Errc::malformed);
  EXPECT_EQ(spoiled("/tdxModuleIdentities/0/tcbLevels/0/tcbStatus", "SWHardeningNeeded"),
            Errc::malformed);
  EXPECT_EQ(spoiled("/tdxModule/mrsigner", "00"), Errc::malformed);
}

TEST(QeIdentity, ReadsEveryField) {
  const auto identity = parse_qe_identity(qe_identity().dump());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->id, "TD_QE");
  EXPECT_EQ(identity->version, 2);
  EXPECT_EQ(to_rfc3339(identity->next_update), "2026-09-11T23:57:43Z");
  EXPECT_EQ(identity->misc_select, 1U);
  EXPECT_EQ(identity->misc_select_mask, 0xFFFFFFFFU);
  EXPECT_EQ(identity->attributes[0], 0x11);
  EXPECT_EQ(identity->attributes_mask[0], 0xFB);
  EXPECT_EQ(to_hex(identity->mr_signer), std::string(64, 'b'));
  EXPECT_EQ(identity->isv_prod_id, 2);
  ASSERT_EQ(identity->levels.size(), 1U);
  EXPECT_EQ(identity->levels[0].isv_svn, 5);
}

TEST(QeIdentity, RefusesWhatIsMissingOrOfAnotherVersion) {
  const Json good = qe_identity();
  for (const auto& [name, value] : good.items()) {
    Json identity = good;
    identity.erase(name);
    EXPECT_EQ(qe_error(identity), Errc::malformed) << name;
  }
  Json identity = good;
  identity["version"] = 1;
  EXPECT_EQ(qe_error(identity), Errc::unsupported);
}

}  // namespace
}  // namespace confide::evidence

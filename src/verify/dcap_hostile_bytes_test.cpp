// Genuine quotes with bytes changed after they were signed: every field flipped, filled and cut,
// every length made a lie. The check named beside each field must be the first that fails.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "verify/testing/tdx_outcome.h"

namespace confide::verify {
namespace {

using testing::SgxLab;
using testing::TdxLab;

struct Field {
  std::string name;
  std::size_t at = 0;
  std::size_t size = 0;
  std::string check;  // what must catch a change, without the TEE's name
};

// Lays fields one behind the other.
class Layout {
 public:
  Layout& add(std::string name, std::size_t size, std::string check) {
    fields_.push_back({std::move(name), at_, size, std::move(check)});
    at_ += size;
    return *this;
  }
  const std::vector<Field>& fields() const { return fields_; }
  std::size_t end() const { return at_; }

 private:
  std::vector<Field> fields_;
  std::size_t at_ = 0;
};

void add_header(Layout& to) {
  to.add("version", 2, "quote.parse")
      .add("att_key_type", 2, "quote.parse")
      .add("tee_type", 4, "quote.parse")
      .add("qe_svn", 2, "quote.signature")
      .add("pce_svn", 2, "quote.signature")
      .add("qe_vendor_id", 16, "quote.parse")
      .add("user_data", 20, "quote.signature");
}

void add_td(Layout& to, bool td15, const std::string& check) {
  to.add("tee_tcb_svn", 16, check).add("mr_seam", 48, check).add("mr_signer_seam", 48, check);
  to.add("seam_attributes", 8, check).add("td_attributes", 8, check).add("xfam", 8, check);
  to.add("mr_td", 48, check).add("mr_config_id", 48, check).add("mr_owner", 48, check);
  to.add("mr_owner_config", 48, check).add("rtmr0", 48, check).add("rtmr1", 48, check);
  to.add("rtmr2", 48, check).add("rtmr3", 48, check).add("report_data", 64, check);
  if (td15) to.add("tee_tcb_svn2", 16, check).add("mr_service_td", 48, check);
}

void add_enclave(Layout& to, const std::string& check) {
  to.add("cpu_svn", 16, check).add("misc_select", 4, check).add("reserved1", 12, check);
  to.add("isv_ext_prod_id", 16, check).add("attributes", 16, check).add("mr_enclave", 32, check);
  to.add("reserved2", 32, check).add("mr_signer", 32, check).add("reserved3", 32, check);
  to.add("config_id", 64, check).add("isv_prod_id", 2, check).add("isv_svn", 2, check);
  to.add("config_svn", 2, check).add("reserved4", 42, check).add("isv_family_id", 16, check);
  to.add("report_data", 64, check);
}

Layout layout_of(const evidence::DcapQuote& quote) {
  Layout out;
  add_header(out);
  if (quote.header.version == 5) {
    out.add("body type", 2, "quote.parse").add("body size", 4, "quote.parse");
  }
  if (quote.td() != nullptr) {
    add_td(out, quote.td()->td15.has_value(), "quote.signature");
  } else {
    add_enclave(out, "quote.signature");
  }
  out.add("signature data size", 4, "quote.parse").add("signature", 64, "quote.signature");
  out.add("attestation key", 64, "qe.binding");
  if (quote.header.version > 3) {
    out.add("outer type", 2, "quote.parse").add("outer size", 4, "quote.parse");
  }
  add_enclave(out, "qe.signature");
  out.add("QE report signature", 64, "qe.signature").add("authentication size", 2, "quote.parse");
  out.add("authentication data", quote.qe_auth_data.size(), "qe.binding");
  out.add("inner type", 2, "quote.parse").add("inner size", 4, "quote.parse");
  out.add("PCK chain", quote.pck_chain_pem.size(), "pck.chain");
  return out;
}

// A genuine quote in memory, its collateral read once: what is changed is the quote alone.
template <class Lab>
class Genuine {
 public:
  explicit Genuine(Lab lab_as_prepared)
      : lab(std::move(lab_as_prepared)),
        quote(lab.quote()),
        layout(layout_of(lab.parts())),
        policy_(lab.policy()),
        collateral_(lab.collateral()),
        endorsements_(&collateral_) {}

  Verdict judge(ByteView bytes) const {
    Verdict out;
    bool proven = false;
    if constexpr (std::is_same_v<Lab, TdxLab>) {
      proven = verify_tdx(bytes, endorsements_, policy_, lab.at, out).has_value();
    } else {
      proven = verify_sgx(bytes, endorsements_, policy_, lab.at, out).has_value();
    }
    EXPECT_EQ(proven, out.passed());
    return out;
  }

  // Counts the case; `check` must be the first that fails.
  void expect(const Bytes& bytes, const std::string& check, const std::string& what) {
    ++count;
    const Verdict verdict = judge(bytes);
    const Check* const first = verdict.first_failure();
    ASSERT_NE(first, nullptr) << what << ": accepted";
    EXPECT_EQ(first->id.substr(4), check) << what << ": " << first->detail;
  }

  const Lab lab;
  const Bytes quote;
  const Layout layout;
  int count = 0;

 private:
  Policy policy_;
  evidence::TdxCollateral collateral_;
  Endorsements endorsements_;
};

template <class Lab>
void flip_and_fill(Genuine<Lab>& genuine) {
  for (const Field& field : genuine.layout.fields()) {
    for (const std::size_t at : {field.at, field.at + field.size / 2, field.at + field.size - 1}) {
      // The last byte of the PEM text is a line break: another blank would do as well.
      const bool text = field.name == "PCK chain";
      Bytes bytes = genuine.quote;
      bytes[text ? std::min(at, field.at + field.size - 40) : at] ^= text ? 0x80U : 0x01U;
      genuine.expect(bytes, field.check, field.name + " flipped at " + std::to_string(at));
    }
    for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{0xff}}) {
      Bytes bytes = genuine.quote;
      std::fill_n(bytes.begin() + static_cast<long>(field.at), field.size, value);
      if (bytes == genuine.quote) continue;
      genuine.expect(bytes, field.check, field.name + " filled with " + std::to_string(value));
    }
  }
}

template <class Lab>
void cut_and_extend(Genuine<Lab>& genuine) {
  for (const Field& field : genuine.layout.fields()) {
    for (const std::size_t size : {field.at, field.at + field.size / 2}) {
      genuine.expect(to_bytes(ByteView(genuine.quote).first(size)), "quote.parse",
                     field.name + " cut at " + std::to_string(size));
    }
  }
  for (const std::size_t size : {1U, 2U, 48U, 384U, 70000U}) {
    Bytes bytes = genuine.quote;
    bytes.resize(bytes.size() + size, 0);
    bytes.back() = 1;
    genuine.expect(bytes, "quote.parse", "extended by " + std::to_string(size));
  }
}

std::uint32_t read_le(const Bytes& bytes, const Field& field) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < field.size; ++i) {
    out |= std::uint32_t{bytes[field.at + i]} << (8U * static_cast<unsigned>(i));
  }
  return out;
}

template <class Lab>
void lie_about_lengths(Genuine<Lab>& genuine) {
  for (const Field& field : genuine.layout.fields()) {
    if (!field.name.ends_with(" size") && !field.name.ends_with(" type")) continue;
    const std::uint32_t real = read_le(genuine.quote, field);
    for (const std::uint32_t lie : {real - 1, real + 1, real + 2, real * 2, real + 0x100U,
                                    real + 0x8000U, 1U, 3U, 7U, 0x7fffffffU, 0x80000000U}) {
      Bytes bytes = genuine.quote;
      for (std::size_t i = 0; i < field.size; ++i) {
        bytes[field.at + i] = static_cast<std::uint8_t>(lie >> (8U * static_cast<unsigned>(i)));
      }
      if (bytes == genuine.quote) continue;
      genuine.expect(bytes, "quote.parse", field.name + " of " + std::to_string(lie));
    }
  }
}

template <class Lab>
int spoil_all(Lab lab) {
  Genuine<Lab> genuine(std::move(lab));
  EXPECT_EQ(genuine.layout.end(), genuine.quote.size());
  EXPECT_TRUE(genuine.judge(genuine.quote).passed());
  flip_and_fill(genuine);
  cut_and_extend(genuine);
  lie_about_lengths(genuine);
  EXPECT_TRUE(genuine.judge(genuine.quote).passed());  // nothing of it stuck
  return genuine.count;
}

TEST(HostileQuote, OfTdxInVersion4) { EXPECT_EQ(spoil_all(TdxLab()), 389); }

TEST(HostileQuote, OfTdxInVersion5) {
  TdxLab lab;
  lab.use_td15();
  EXPECT_EQ(spoil_all(std::move(lab)), 437);
}

TEST(HostileQuote, OfSgxInVersion3) { EXPECT_EQ(spoil_all(SgxLab()), 357); }

TEST(HostileQuote, OfSgxInVersion5) {
  SgxLab lab;
  lab.header().version = 5;
  EXPECT_EQ(spoil_all(std::move(lab)), 428);
}

}  // namespace
}  // namespace confide::verify

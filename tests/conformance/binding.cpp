// Rules that tie keys and nonces to the report data of a quote or report.
#include <algorithm>
#include <optional>
#include <string>

#include "aci/report.h"
#include "crypto/hash.h"
#include "evidence/dcap_quote.h"
#include "evidence/snp_report.h"
#include "kinds.h"

namespace confide::conformance {
namespace {

Result<std::string> input(const Case& from, std::string_view name) {
  TRY_ASSIGN(const Json* inputs, json::get_object(from.description, "inputs"));
  return json::get_string(*inputs, name);
}

// An ACI report, whose quote is a stub: digest, statement and report data follow from it.
Result<Answer> run_aci(const Case& from) {
  TRY_ASSIGN(const Bytes text, from.read("report"));
  TRY_ASSIGN(const std::string nonce, input(from, "nonce"));
  Answer answer;
  const auto report = aci::parse_report(as_text(text));
  if (!report) {
    answer.note = report.error().message;
    return answer;
  }
  const std::string& digest = report->keyset.digest;
  const std::string data = to_hex(aci::report_data(digest, nonce));
  answer.expected["keyset_jcs_sha256"] = digest;
  answer.expected["keyset_digest_matches"] = digest == report->claimed_digest;
  answer.expected["statement"] = aci::statement(digest, nonce);
  answer.expected["report_data"] = data;
  answer.expected["report_data_matches"] = data == report->report_data;
  const bool refused = !evidence::parse_dcap_quote(report->quote).has_value();
  Bytes stub = to_bytes(as_bytes("aci-stub-quote|"));
  append(stub, aci::report_data(digest, nonce));
  answer.expected["quote"] =
      refused && report->quote == stub
          ? "stub text \"aci-stub-quote|\" || report_data: a quote verifier must reject it"
          : "no stub, or not refused";
  return answer;
}

std::uint32_t hash_bits(std::uint32_t type) { return type == 1 ? 256 : type == 2 ? 384 : 512; }

Bytes hash(std::uint32_t type, ByteView bytes) {
  switch (hash_bits(type)) {
    case 256: {
      const auto digest = crypto::sha256(bytes);
      return {digest.begin(), digest.end()};
    }
    case 384: {
      const auto digest = crypto::sha384(bytes);
      return {digest.begin(), digest.end()};
    }
    default: {
      const auto digest = crypto::sha512(bytes);
      return {digest.begin(), digest.end()};
    }
  }
}

// The case of this collection, beside this one, whose report is the same.
std::optional<std::string> find_snp_case(const Case& from, ByteView report) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from.folder / "../../snp", error)) {
    const auto bytes = read_file(entry.path() / "report.bin");
    if (bytes && std::ranges::equal(*bytes, report)) {
      return "snp/" + entry.path().filename().string();
    }
  }
  return {};
}

// Azure's paravisor puts a hash of its runtime data into the report that its vTPM serves: a header
// of 32 bytes, the SNP report, {size, version, type, hash type, size of data}, and the data.
Result<Answer> run_hcl(const Case& from) {
  TRY_ASSIGN(const Bytes bytes, from.read("hcl_report"));
  ByteReader reader(bytes);
  TRY_ASSIGN(const ByteView magic, reader.take(32, "header"));
  TRY_ASSIGN(const ByteView snp, reader.take(evidence::kSnpReportBytes, "report"));
  TRY(reader.take(12, "sizes and types"));
  TRY_ASSIGN(const std::uint32_t hash_type, reader.u32le("hash type"));
  TRY_ASSIGN(const std::uint32_t size, reader.u32le("size of runtime data"));
  TRY_ASSIGN(const ByteView data, reader.take(size, "runtime data"));
  Answer answer;
  const auto report = evidence::parse_snp_report(snp);
  if (!report || as_text(magic.first(4)) != "HCLA") {
    answer.note = "no SNP report in an HCL envelope";
    return answer;
  }
  const Bytes digest = hash(hash_type, data);
  const ByteView slot(report->report_data);
  answer.expected["hash_type"] = hash_type;
  answer.expected["variable_data_size"] = size;
  answer.expected["hash"] = to_hex(digest);
  answer.expected["matches_first_32_bytes_of_report_data"] =
      std::ranges::equal(slot.first(32), ByteView(digest).first(32));
  answer.expected["rest_zero"] =
      std::ranges::all_of(slot.subspan(digest.size()), [](std::uint8_t b) { return b == 0; });
  const auto twin = find_snp_case(from, snp);
  answer.expected["snp_case"] = twin ? Json(*twin) : Json();
  return answer;
}

// near/mpc: version 1 as two bytes, SHA3-384 of the TLS key and the account key, zeros.
Result<Answer> run_near(const Case& from) {
  TRY_ASSIGN(const Bytes bytes, from.read("quote"));
  TRY_ASSIGN(const std::string tls, input(from, "tls_public_key"));
  TRY_ASSIGN(const std::string account, input(from, "account_public_key"));
  TRY_ASSIGN(const Bytes keys, from_hex(tls + account));
  Bytes slot{0, 1};
  append(slot, crypto::sha3_384(keys));
  slot.resize(64);
  Answer answer;
  answer.expected["report_data"] = to_hex(slot);
  const auto quote = evidence::parse_dcap_quote(bytes);
  answer.expected["report_data_matches"] =
      quote && quote->td() != nullptr && std::ranges::equal(quote->td()->report_data, slot);
  if (!quote) answer.note = quote.error().message;
  return answer;
}

}  // namespace

// Which rule a case is about shows in what it brings.
Result<Answer> run_binding(const Case& from) {
  if (from.file("report") != nullptr) return run_aci(from);
  if (from.file("hcl_report") != nullptr) return run_hcl(from);
  if (from.file("quote") != nullptr) return run_near(from);
  return fail(Errc::unsupported, "a binding rule that is not known here");
}

}  // namespace confide::conformance

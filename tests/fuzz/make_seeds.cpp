// Writes the fuzz targets' seeds: one genuine input for each parser, made with our own test roots.
// make_seeds FOLDER (tests/fuzz/corpus). Keys are fresh each time, so the files change.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "base/base64.h"
#include "crypto/sgx_extension.h"
#include "crypto/x509_testing.h"
#include "crypto/xml_signature_testing.h"
#include "evidence/testing/ccel_bytes.h"
#include "seal/ohttp_exchange.h"
#include "verify/testing/event_log_lab.h"
#include "verify/testing/gpu_lab.h"
#include "verify/testing/snp_lab.h"
#include "verify/testing/tdx_outcome.h"

namespace {

using namespace confide;
using verify::testing::TdxLab;

class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void write(const std::string& target, const std::string& name, ByteView content) const {
    std::filesystem::create_directories(folder_ / ("fuzz_" + target));
    std::ofstream out(folder_ / ("fuzz_" + target) / name, std::ios::binary);
    out << as_text(content);
  }
  void write(const std::string& target, const std::string& name, const std::string& text) const {
    write(target, name, as_bytes(text));
  }

 private:
  std::filesystem::path folder_;
};

void write_tdx(const Corpus& corpus) {
  TdxLab lab;
  const auto collateral = lab.collateral();
  corpus.write("quote", "lab_v4.bin", lab.quote());
  corpus.write("sgx_extension", "lab.der", crypto::encode_sgx_extension(lab.platform));
  corpus.write("collateral", "lab.json",
               json::compact(evidence::tdx_collateral_to_json(collateral)));
  corpus.write("pcs_answer", "tcb_info.json",
               "{\"tcbInfo\":" + collateral.tcb_info + ",\"signature\":\"" +
                   to_hex(collateral.tcb_info_signature) + "\"}");
  corpus.write("pcs_answer", "qe_identity.json",
               "{\"enclaveIdentity\":" + collateral.qe_identity + ",\"signature\":\"" +
                   to_hex(collateral.qe_identity_signature) + "\"}");
  corpus.write("x509", "pck_chain.pem", lab.parts().pck_chain_pem);
  corpus.write("x509", "pck.der", lab.made().pck.der());
  corpus.write("crl", "lab.der", collateral.pck_crl);
  corpus.write("crl", "lab.hex", to_hex(collateral.pck_crl));
  lab.use_td15();
  corpus.write("quote", "lab_v5.bin", lab.quote());
  verify::testing::SgxLab sgx;
  corpus.write("quote", "lab_v3.bin", sgx.quote());
  corpus.write("collateral", "sgx_tcb_info.json", sgx.collateral().tcb_info);
  sgx.use_tcb_info_v2();
  corpus.write("collateral", "sgx_tcb_info_v2.json", sgx.collateral().tcb_info);
}

void write_snp(const Corpus& corpus) {
  using namespace evidence::testing;
  verify::testing::SnpLab lab;
  for (const std::uint32_t version : {2U, 3U, 5U}) {
    lab.report.version = version;
    corpus.write("snp_report", "v" + std::to_string(version) + ".bin", lab.report_bytes());
  }
  corpus.write("snp_certificates", "vcek.bin",
               write_snp_certificate_table({{kVcekGuid, Bytes(40, 1)},
                                            {kAskGuid, Bytes(30, 2)},
                                            {kArkGuid, Bytes(20, 3)},
                                            {kCrlGuid, Bytes(10, 4)}}));
  const auto certificates = lab.certificates();
  corpus.write("amd_extension", "vcek.der", *certificates.leaf);
  corpus.write("x509", "ark_rsa.der", *certificates.ark);
  const verify::testing::SnpLab turin(evidence::SnpProduct::turin, evidence::SnpSigningKey::vlek);
  corpus.write("amd_extension", "vlek.der", *turin.certificates().leaf);
}

std::string gpu_list(const evidence::GpuEvidence& gpu, const Bytes& nonce) {
  return json::compact(Json::array({Json{{"certificate", to_base64(as_bytes(gpu.chain_pem))},
                                         {"evidence", to_base64(gpu.report)},
                                         {"arch", "HOPPER"},
                                         {"nonce", to_hex(nonce)}}}));
}

void write_gpu(const Corpus& corpus) {
  const verify::testing::GpuLab lab;
  const auto gpu = lab.evidence();
  corpus.write("spdm", "gpu.bin", gpu.report);
  corpus.write("spdm", "switch.bin", lab.evidence(lab.nvswitch).report);
  corpus.write("gpu_evidence", "list.json", gpu_list(gpu, lab.nonce));
  corpus.write("gpu_evidence", "payload.json",
               R"({"nonce":"00","evidence_list":[],"arch":"HOPPER"})");
  const std::string rim = lab.rim(lab.switch_rim);
  corpus.write("rim", "switch.xml", rim);
  corpus.write("ocsp", "lab.der", lab.ocsp(gpu, rim)[0]);
  corpus.write("dice", "id.der", verify::testing::dice_id(Bytes(48, 0xf1)));
  corpus.write("dice", "tcb_info.der", verify::testing::dice_tcb_info(Bytes(48, 0xf2)));
}

void write_hcl_report(const Corpus& corpus) {
  using namespace evidence::testing;
  const std::string data = R"({"keys":[],"user-data":"00"})";
  const auto size = static_cast<std::uint32_t>(data.size());
  Bytes out = to_bytes(as_bytes("HCLA"));
  for (const std::uint32_t word : {1U, 32 + 1184 + 20 + size, 2U}) put_u32le(out, word);
  put_zeros(out, 16);
  append(out, verify::testing::SnpLab().report_bytes());
  // Sizes of the data with and without its head; version, hardware (SNP), hash (SHA-256).
  for (const std::uint32_t word : {20 + size, 1U, 2U, 1U, size}) put_u32le(out, word);
  append(out, as_bytes(data));
  corpus.write("hcl_report", "snp.bin", out);
}

void write_event_logs(const Corpus& corpus) {
  evidence::testing::CcelBytes area;
  area.event(1, 4, {1}, "firmware").event(3, 3, {2}, "no action").event(2, 0x80000001, {3}, "x");
  corpus.write("ccel", "lab.bin", area.bytes());
  corpus.write("eventlog", "dstack.json",
               verify::testing::dstack_document(verify::testing::dstack_log()));
}

void write_xml(const Corpus& corpus) {
  const crypto::TestPki pki;
  const std::vector chain = {pki.leaf};
  const std::string document =
      "<r xmlns=\"urn:r\" xmlns:m=\"urn:m\"><m:P><V i=\"1\" h=\"ab\"/> text &amp; more</m:P></r>";
  corpus.write("xml_signature", "lab.xml",
               crypto::sign_xml_for_test(document, pki.leaf_key, chain));
  corpus.write("crl", "empty.der", pki.root_crl().der());
}

// A streamed answer's plaintext, in one record.
Bytes padded_answer() {
  Bytes out = seal::encode_response_head(
                  {.fields = {{"content-encoding", std::string(seal::kPaddedCoding)}}})
                  .value();
  Bytes record;
  seal::append_record(record, as_bytes("data: [DONE]"), 5);
  seal::append_varint(out, record.size());
  append(out, record);
  append(out, seal::encode_response_end({{"x-receipt-id", "r"}}).value());
  return out;
}

void write_sealed(const Corpus& corpus) {
  const seal::InnerRequest request{
      .path = "/v1/models",
      .fields = {{"date", to_http_date(from_unix(1'790'000'000))}, {"confide-padding", "constant"}},
      .content = "{}"};
  corpus.write("bhttp", "request.bin", seal::encode_request(request).value());
  corpus.write("bhttp", "stream.bin", padded_answer());
  corpus.write("ohttp", "message.bin", seal::encode_request(request).value());
  const seal::GatewayKey key(
      1, crypto::X25519Key::from_scalar(SecretBytes::copy_of(Bytes(32, 0x11))).value());
  corpus.write("ohttp", "keys.bin", seal::join_key_configs({key.encoded()}));
  corpus.write("ohttp", "capsule.bin",
               seal::seal_exchange(key.config(), request,
                                   {.now = from_unix(1'790'000'000), .nonce = std::string(64, 'a')})
                   .value()
                   .capsule);
  Bytes stream{20};
  append(stream, padded_answer());
  corpus.write("ohttp_stream", "padded.bin", stream);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_seeds FOLDER\n";
    return 2;
  }
  const Corpus corpus(argv[1]);
  write_tdx(corpus);
  write_snp(corpus);
  write_gpu(corpus);
  write_hcl_report(corpus);
  write_event_logs(corpus);
  write_xml(corpus);
  write_sealed(corpus);
  return 0;
}

// Writes fuzz targets' seeds that are signed, or that only code can write: small ones, since what
// is made of them is as large. make_seeds FOLDER. Keys are fresh each time, so the files change.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "crypto/sgx_extension.h"
#include "crypto/x509_testing.h"
#include "evidence/testing/ccel_bytes.h"
#include "seal/ohttp_exchange.h"
#include "verify/testing/gpu_lab.h"
#include "verify/testing/snp_lab.h"
#include "verify/testing/tdx_outcome.h"
#include "xmlsig/xml_signature_testing.h"

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

// The parser hands the certificates on as they stand.
Bytes short_quote(const Bytes& genuine) {
  auto quote = evidence::parse_dcap_quote(genuine).value();
  quote.pck_chain_pem = "PEM";
  return evidence::testing::write_quote(quote);
}

void write_tdx(const Corpus& corpus) {
  TdxLab lab;
  const auto collateral = lab.collateral();
  corpus.write("quote", "v4.bin", short_quote(lab.quote()));
  corpus.write("sgx_extension", "lab.der", crypto::encode_sgx_extension(lab.platform));
  corpus.write("x509", "pck.der", lab.made().pck.der());
  corpus.write("crl", "lab.der", collateral.pck_crl);
  corpus.write("crl", "lab.hex", to_hex(collateral.pck_crl));
  corpus.write("query_answer", "pck_crl.bin", "B\n" + std::string(as_text(collateral.pck_crl)));
  lab.use_td15();
  corpus.write("quote", "v5.bin", short_quote(lab.quote()));
  corpus.write("quote", "v3.bin", short_quote(verify::testing::SgxLab().quote()));
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

void write_gpu(const Corpus& corpus) {
  const verify::testing::GpuLab lab;
  const auto gpu = lab.evidence();
  corpus.write("spdm", "gpu.bin", gpu.report);
  corpus.write("spdm", "switch.bin", lab.evidence(lab.nvswitch).report);
  corpus.write("ocsp", "lab.der", lab.ocsp(gpu, lab.rim(lab.switch_rim))[0]);
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

void write_ccel(const Corpus& corpus) {
  evidence::testing::CcelBytes area;
  area.event(1, 4, {1}, "firmware").event(3, 3, {2}, "no action").event(2, 0x80000001, {3}, "x");
  corpus.write("ccel", "lab.bin", area.bytes());
}

void write_pki(const Corpus& corpus) {
  const crypto::TestPki pki;
  const std::vector chain = {pki.leaf};
  const std::string document =
      "<r xmlns=\"urn:r\" xmlns:m=\"urn:m\"><m:P><V i=\"1\" h=\"ab\"/> text &amp; more</m:P></r>";
  corpus.write("xml_signature", "lab.xml",
               xmlsig::sign_xml_for_test(document, pki.leaf_key, chain));
  corpus.write("crl", "empty.der", pki.root_crl().der());
  corpus.write("x509", "chain.pem", pki.leaf.to_pem() + pki.intermediate.to_pem());
  corpus.write("x509", "root.der", pki.root.der());
  corpus.write("query_answer", "chain.pem", "D\n" + pki.intermediate.to_pem() + pki.root.to_pem());
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
  write_ccel(corpus);
  write_pki(corpus);
  write_sealed(corpus);
  return 0;
}

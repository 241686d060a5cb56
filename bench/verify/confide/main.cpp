// Our verifier, driven as its peers are: one JSON request a line on standard input, one JSON answer
// a line on standard output. Evidence and collateral are in memory before the clock starts.
//
//   {"evidence":"tdx"|"snp"|"gpu","folder":case,"mode":"cold"|"cached","time":unix,"nonce":hex,
//    "roots":[path...],"rounds":n}
//   {"evidence":"signature","scheme":"p256"|"p384"|"rsa-pss","rounds":n}: the bare check of one
//     signature by a key that stands ready, as AWS-LC does it
//   {"ok":bool,"error":text,"microseconds":mean}
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/json.h"
#include "collateral/folder.h"
#include "crypto/signing_key.h"
#include "verify/gpu.h"
#include "verify/snp.h"
#include "verify/tdx.h"

namespace confide {
namespace {

// One appraisal; nothing if it accepts, else why not.
using Appraisal = std::function<std::string()>;

struct Request {
  std::string evidence, folder, mode, scheme, nonce;
  Time at{};
  std::vector<std::string> roots;
  int rounds = 1;
};

Request read_request(const Json& json) {
  Request out;
  out.evidence = json.value("evidence", "");
  out.folder = json.value("folder", "");
  out.mode = json.value("mode", "");
  out.scheme = json.value("scheme", "");
  out.nonce = json.value("nonce", "");
  out.at = from_unix(json.value("time", std::int64_t{0}));
  out.roots = json.value("roots", std::vector<std::string>());
  out.rounds = json.value("rounds", 1);
  return out;
}

Result<Bytes> read_bytes(const std::string& path) { return collateral::read_file(path); }

Result<verify::Policy> policy_for(const Request& request) {
  verify::Policy out = verify::Policy::strict();
  for (const std::string& path : request.roots) {
    TRY_ASSIGN(const Bytes bytes, read_bytes(path));
    TRY_ASSIGN(const auto root, crypto::Certificate::from_der(bytes));
    out.trust(root);
  }
  return out;
}

template <class Proof>
std::string refusal(const Result<Proof>& proof) {
  return proof ? "" : proof.error().message;
}

Result<Appraisal> tdx(const Request& request) {
  TRY_ASSIGN(const Bytes quote, read_bytes(request.folder + "/quote.bin"));
  TRY_ASSIGN(const auto collateral, collateral::read_tdx_collateral(request.folder));
  TRY_ASSIGN(const verify::Policy policy, policy_for(request));
  if (request.mode == "cached") {
    const verify::Endorsements endorsements(&collateral);
    return Appraisal([=, at = request.at] {
      verify::Verdict verdict;
      return refusal(verify::verify_tdx(quote, endorsements, policy, at, verdict));
    });
  }
  return Appraisal([=, at = request.at] {
    verify::Verdict verdict;
    return refusal(verify::verify_tdx(quote, &collateral, policy, at, verdict));
  });
}

Result<Appraisal> snp(const Request& request) {
  TRY_ASSIGN(const Bytes report, read_bytes(request.folder + "/report.bin"));
  TRY_ASSIGN(const auto certificates, collateral::read_snp_certificates({&request.folder, 1}));
  TRY_ASSIGN(const verify::Policy policy, policy_for(request));
  return Appraisal([=, at = request.at] {
    verify::Verdict verdict;
    return refusal(verify::verify_snp(report, &certificates, policy, at, verdict));
  });
}

Result<Appraisal> gpu(const Request& request) {
  TRY_ASSIGN(const auto evidence, collateral::read_gpu_evidence(request.folder));
  TRY_ASSIGN(auto references, collateral::read_gpu_references({&request.folder, 1}));
  references.ocsp.clear();  // the peer is measured without them too
  TRY_ASSIGN(const Bytes nonce, from_hex(request.nonce));
  TRY_ASSIGN(const verify::Policy policy, policy_for(request));
  return Appraisal([=, at = request.at] {
    verify::Verdict verdict;
    return refusal(verify::verify_gpus(evidence.devices, &references, nonce, policy, at, verdict));
  });
}

using ContextPointer = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

bool set_pss(EVP_PKEY_CTX* context, bool rsa) {
  return !rsa || (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0);
}

// A kilobyte, about the size of what is signed in evidence.
Result<Appraisal> signature(const Request& request) {
  using crypto::KeyKind;
  using crypto::SignatureScheme;
  const bool rsa = request.scheme == "rsa-pss";
  const bool p256 = request.scheme == "p256";
  const auto pair = crypto::SigningKey::generate(rsa    ? KeyKind::rsa
                                                 : p256 ? KeyKind::p256
                                                        : KeyKind::p384,
                                                 4096);
  const Bytes message(1024, 0x5a);
  const Bytes made = pair.sign(rsa    ? SignatureScheme::rsa_pss_sha384
                               : p256 ? SignatureScheme::p256_sha256_der
                                      : SignatureScheme::p384_sha384_der,
                               message);
  const ByteView spki = pair.public_key().spki();
  const std::uint8_t* at = spki.data();
  const std::shared_ptr<EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())),
                                      EVP_PKEY_free);
  const EVP_MD* digest = p256 ? EVP_sha256() : EVP_sha384();
  return Appraisal([=] {
    const ContextPointer context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* with = nullptr;
    const bool valid =
        EVP_DigestVerifyInit(context.get(), &with, digest, nullptr, key.get()) == 1 &&
        set_pss(with, rsa) &&
        EVP_DigestVerify(context.get(), made.data(), made.size(), message.data(), message.size()) ==
            1;
    return std::string(valid ? "" : "a signature does not verify");
  });
}

Result<Appraisal> prepare(const Request& request) {
  if (request.evidence == "tdx") return tdx(request);
  if (request.evidence == "snp") return snp(request);
  if (request.evidence == "gpu") return gpu(request);
  if (request.evidence == "signature") return signature(request);
  return fail(Errc::unsupported, "no such evidence");
}

Json refused(const std::string& why) {
  return Json{{"ok", false}, {"error", why}, {"microseconds", 0}};
}

Json serve(const Request& request) {
  const auto appraisal = prepare(request);
  if (!appraisal) return refused(appraisal.error().message);
  if (const std::string why = (*appraisal)(); !why.empty()) return refused(why);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < request.rounds; ++i) (*appraisal)();
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begin;
  return Json{{"ok", true}, {"error", ""}, {"microseconds", spent.count() / request.rounds}};
}

}  // namespace
}  // namespace confide

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto request = confide::json::parse(line);
    if (!request) return 1;
    fmt::print("{}\n", confide::serve(confide::read_request(*request)).dump());
    std::fflush(stdout);
  }
  return 0;
}

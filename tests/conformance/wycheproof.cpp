// Wycheproof's tests of the signature schemes in use: the library accepts what is valid and refuses
// what is not. A signature marked `acceptable` may go either way.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "crypto/public_key.h"
#include "kinds.h"

namespace confide::conformance {
namespace {

using crypto::KeyKind;
using crypto::PublicKey;
using crypto::SignatureScheme;

// ECDSA signatures are DER unless the file is one of those in IEEE P1363 form.
SignatureScheme scheme_of(KeyKind kind, bool raw) {
  switch (kind) {
    case KeyKind::p256:
      return raw ? SignatureScheme::p256_sha256 : SignatureScheme::p256_sha256_der;
    case KeyKind::p384:
      return raw ? SignatureScheme::p384_sha384 : SignatureScheme::p384_sha384_der;
    case KeyKind::rsa:
      break;
  }
  return SignatureScheme::rsa_pss_sha384;
}

struct Tally {
  std::size_t tests = 0;
  std::size_t valid = 0;
  Json wrong = Json::array();  // what the library decided otherwise: test numbers
};

// One test: [number, message, signature, valid|invalid|acceptable, flags], bytes in hex.
Status run_test(const PublicKey& key, bool raw, const Json& test, Tally& tally) {
  if (!test.is_array() || test.size() < 4) return fail(Errc::malformed, "a test is no array");
  TRY_ASSIGN(const Bytes message, from_hex(test[1].get<std::string>()));
  TRY_ASSIGN(const Bytes signature, from_hex(test[2].get<std::string>()));
  const Json& result = test[3];
  const bool accepted = key.verify(scheme_of(key.kind(), raw), message, signature).has_value();
  tally.tests += 1;
  tally.valid += result == "valid" ? 1 : 0;
  if (result != "acceptable" && accepted != (result == "valid")) tally.wrong.push_back(test[0]);
  return {};
}

Result<Tally> run_file(const fs::path& path) {
  TRY_ASSIGN(const Json document, read_json(path));
  TRY_ASSIGN(const Json* groups, json::get_array(document, "testGroups"));
  const bool raw = path.filename().string().find("p1363") != std::string::npos;
  Tally tally;
  for (const Json& group : *groups) {
    TRY_ASSIGN(const std::string hex, json::get_string(group, "publicKeyDer"));
    TRY_ASSIGN(const Bytes spki, from_hex(hex));
    TRY_ASSIGN(const PublicKey key, PublicKey::from_spki(spki));
    TRY_ASSIGN(const Json* tests, json::get_array(group, "tests"));
    for (const Json& test : *tests) TRY(run_test(key, raw, test, tally));
  }
  return tally;
}

}  // namespace

Result<Answer> run_wycheproof(const Case& from) {
  TRY_ASSIGN(const Json* files, json::get_array(from.description, "files"));
  Answer answer;
  answer.files = Json::array();
  for (const Json& file : *files) {
    TRY_ASSIGN(const std::string name, json::get_string(file, "file"));
    TRY_ASSIGN(const Tally tally, run_file(from.folder / name));
    answer.files.push_back(Json{
        {"file", name}, {"tests", tally.tests}, {"valid", tally.valid}, {"wrong", tally.wrong}});
  }
  return answer;
}

}  // namespace confide::conformance

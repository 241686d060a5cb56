#include "roots.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace confide::conformance {
namespace {

using crypto::Certificate;

// Of the certificates in a folder, the first with this name.
std::optional<Certificate> find_named(const fs::path& folder, const std::string& name) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) files.push_back(entry.path());
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const auto certificate = read_certificate(file);
    if (certificate && certificate->common_name() == name) return *certificate;
  }
  return {};
}

// The anchor that a case names beside its files. Where an AMD root's file
// was left out of the collection, the one of that name that the other cases share.
std::optional<Certificate> find_anchor(const Case& from, const std::string& anchor) {
  const fs::path path = from.folder / anchor;
  if (fs::exists(path)) {
    const auto certificate = read_certificate(path);
    return certificate ? std::optional(*certificate) : std::nullopt;
  }
  std::string name = path.stem().string();  // ark-Milan
  if (!name.starts_with("ark-")) return {};
  name.replace(0, 3, "ARK");
  if (auto shared = find_named(from.folder / "../_shared", name)) return shared;
  return find_named(from.folder, name);
}

void trust_named(verify::Policy& policy, const Case& from,
                 std::initializer_list<std::string_view> roles) {
  if (const Json* anchor = json::find(from.description, "trust_anchor");
      anchor != nullptr && anchor->is_string()) {
    if (*anchor == "AMD") return;
    policy.roots.clear();
    const auto root = find_anchor(from, anchor->get<std::string>());
    if (root) policy.trust(*root);
    return;
  }
  policy.roots.clear();
  for (const std::string_view role : roles) {
    if (const auto root = from.certificate(role)) policy.trust(*root);
  }
}

// Those of the policy's roots that the case's files hold too.
void keep_given(verify::Policy& policy, const Case& from,
                std::initializer_list<std::string_view> roles) {
  std::vector<Certificate> given;
  bool any = false;
  for (const std::string_view role : roles) {
    if (from.file(role) == nullptr) continue;
    any = true;
    if (auto root = from.certificate(role)) given.push_back(*std::move(root));
  }
  if (!any) return;
  std::erase_if(policy.roots, [&](const verify::TrustRoot& root) {
    return std::ranges::find(given, root.certificate) == given.end();
  });
}

}  // namespace

verify::Policy policy_for(const Case& from, std::initializer_list<std::string_view> roles) {
  verify::Policy policy = verify::Policy::strict();
  if (from.synthetic()) {
    trust_named(policy, from, roles);
  } else {
    keep_given(policy, from, roles);
  }
  return policy;
}

}  // namespace confide::conformance

// Recorded GPU evidence and its mutations, where a checkout has them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "verify/gpu.h"

namespace confide::verify::testing {

namespace fs = std::filesystem;

inline std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<fs::path> cases_below(std::initializer_list<const char*> kinds) {
  std::vector<fs::path> out;
  for (const char* kind : kinds) {
    const fs::path folder = fs::path(CONFIDE_VECTORS) / kind;
    if (!fs::exists(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (fs::exists(entry.path() / "case.json")) out.push_back(entry.path());
    }
  }
  std::ranges::sort(out);
  return out;
}

// A case with its files in memory, so that they can be spoiled.
class GpuCase {
 public:
  explicit GpuCase(fs::path folder)
      : folder_(std::move(folder)), json_(json::parse(read_text(folder_ / "case.json")).value()) {
    time_ = text_of("evaluation_time");
    if (json_.contains("nonce")) nonce_ = text_of("nonce");
  }

  const Json& json() const noexcept { return json_; }
  const Json& files() const { return json_.at("files"); }
  std::string text_of(const char* name) const { return json_.at(name).get<std::string>(); }
  Time at() const { return parse_rfc3339(time_).value(); }

  const std::string& file(const std::string& name) {
    const auto [at, added] = read_.try_emplace(name);
    if (added) at->second = read_text(folder_ / name);
    return at->second;
  }

  Policy policy() {
    Policy out = Policy::strict();
    for (const char* root : {"device_root", "rim_root"}) {
      if (!files().contains(root)) continue;
      out.trust(crypto::Certificate::from_pem(file(files().at(root).get<std::string>())).value());
    }
    out.gpu.require_ocsp = json_.value("ocsp_required", false);
    return out;
  }

  std::vector<evidence::GpuEvidence> evidence() {
    std::vector<evidence::GpuEvidence> out;
    for (const Json& device : files().at("devices")) {
      const bool is_gpu = device.at("type") == "gpu";
      out.push_back(
          {.kind = is_gpu ? evidence::GpuDeviceKind::gpu : evidence::GpuDeviceKind::nvswitch,
           .architecture = "",
           .report = to_bytes(as_bytes(file(device.at("report").get<std::string>()))),
           .chain_pem = file(device.at("chain").get<std::string>())});
    }
    return out;
  }

  // OCSP answers of two days cannot both be current: such a case is judged without them.
  evidence::GpuReferences references(bool with_ocsp = true) {
    evidence::GpuReferences out;
    if (files().contains("driver_rim")) out.driver_rims = {named("driver_rim")};
    if (files().contains("vbios_rim")) out.vbios_rims = {named("vbios_rim")};
    if (!with_ocsp || json_.contains("device_ocsp_time")) return out;
    for (const Json& name : files().value("ocsp", Json::array())) {
      out.ocsp.push_back(to_bytes(as_bytes(file(name.get<std::string>()))));
    }
    return out;
  }

  Bytes nonce() const { return from_hex(nonce_).value(); }

  // Applies one operation of a negatives.json. False if it needs a file that is not there.
  bool apply(const Json& op) {
    const std::string kind = op.at("op").get<std::string>();
    if (kind == "time" || kind == "nonce") {
      (kind == "time" ? time_ : nonce_) = op.at("value").get<std::string>();
      return true;
    }
    std::string& text = const_cast<std::string&>(file(op.at("file").get<std::string>()));
    if (kind == "copy") {
      const fs::path from = folder_ / op.at("from").get<std::string>();
      if (!fs::exists(from)) return false;
      text = read_text(from);
    } else if (kind == "pem_keep") {
      text = reorder(text, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n",
                     op.at("keep"));
    } else if (kind == "cert_order") {
      text = reorder(text, "<ds:X509Certificate>", "</ds:X509Certificate>", op.at("order"));
    } else if (kind == "replace" || kind == "regex") {
      replace(text, op);
    } else {
      change_bytes(text, kind, op);
    }
    return true;
  }

 private:
  std::string named(const char* role) { return file(files().at(role).get<std::string>()); }

  static void change_bytes(std::string& text, const std::string& kind, const Json& op) {
    if (kind == "truncate") {
      text.resize(op.at("length").get<std::size_t>());
    } else if (kind == "prepend") {
      text.insert(0, op.at("text").get<std::string>());
    } else if (kind == "append") {
      text += as_text(from_hex(op.at("hex").get<std::string>()).value());
    } else {
      const auto at = op.at("offset").get<std::size_t>();
      if (kind == "set") {
        const Bytes with = from_hex(op.at("hex").get<std::string>()).value();
        text.replace(at, with.size(), as_text(with));
      } else {
        ASSERT_EQ(kind, "xor");
        const int mask = std::stoi(op.at("mask").get<std::string>(), nullptr, 16);
        text[at] = static_cast<char>(text[at] ^ mask);
      }
    }
  }

  // Literal text, or a pattern with at most one `.*` or `.*?`, which is all that the mutations use.
  static void replace(std::string& text, const Json& op) {
    const bool is_regex = op.at("op") == "regex";
    const std::string pattern = op.at(is_regex ? "pattern" : "find").get<std::string>();
    std::string with = op.at("with").get<std::string>();
    if (pattern == "^(.*)$") {
      text = with.replace(with.find("\\1"), 2, text);
      return;
    }
    const std::size_t wild = is_regex ? pattern.find(".*") : std::string::npos;
    const bool is_lazy = wild != std::string::npos && pattern.substr(wild, 3) == ".*?";
    const std::string head = pattern.substr(0, wild);
    const std::string tail =
        wild == std::string::npos ? "" : pattern.substr(wild + (is_lazy ? 3U : 2U));
    int left = op.value("count", -1);
    std::size_t at = 0;
    while (left != 0 && (at = text.find(head, at)) != std::string::npos) {
      std::size_t end = at + head.size();
      if (!tail.empty()) end = (is_lazy ? text.find(tail, end) : text.rfind(tail)) + tail.size();
      text.replace(at, end - at, with);
      at += with.size();
      --left;
    }
  }

  static std::string reorder(const std::string& text, const std::string& begin,
                             const std::string& end, const Json& order) {
    std::vector<std::string> blocks;
    const std::size_t first = text.find(begin);
    std::size_t last = first;
    for (std::size_t at = first; at != std::string::npos; at = text.find(begin, last)) {
      std::size_t stop = text.find(end, at);
      // The last block of a file may lack its line end.
      stop = stop == std::string::npos ? text.size() : stop + end.size();
      blocks.push_back(text.substr(at, stop - at));
      last = stop;
    }
    std::string out = text.substr(0, first);
    for (const Json& i : order) {
      out += blocks.at(i.get<std::size_t>());
      if (end.back() == '\n' && out.back() != '\n') out += '\n';
    }
    return out + text.substr(last);
  }

  fs::path folder_;
  Json json_;
  std::string time_;
  std::string nonce_;
  std::map<std::string, std::string> read_;
};

}  // namespace confide::verify::testing

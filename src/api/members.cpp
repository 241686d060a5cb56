#include "api/members.h"

#include <fmt/format.h>

namespace confide::api {

const Json* Members::given(std::string_view name) const {
  const Json* member = json::find(*object_, name);
  return member == nullptr || member->is_null() ? nullptr : member;
}

std::string Members::path(std::string_view name) const {
  if (name.empty()) return path_;
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

ApiError Members::wrong(std::string_view name, std::string_view expected) const {
  std::string where = path(name);
  return invalid_request(fmt::format("'{}' must be {}.", where, expected), where);
}

ApiResult<double> Members::number(std::string_view name, double fallback, double low,
                                  double high) const {
  const Json* member = given(name);
  if (member == nullptr) return fallback;
  if (!member->is_number()) return tl::unexpected(wrong(name, "a number"));
  const auto value = member->get<double>();
  if (!(value >= low && value <= high)) {
    return tl::unexpected(wrong(name, fmt::format("between {} and {}", low, high)));
  }
  return value;
}

ApiResult<bool> Members::boolean(std::string_view name, bool fallback) const {
  const Json* member = given(name);
  if (member == nullptr) return fallback;
  if (!member->is_boolean()) return tl::unexpected(wrong(name, "true or false"));
  return member->get<bool>();
}

ApiResult<std::optional<std::int64_t>> Members::whole(std::string_view name, std::int64_t low,
                                                      std::int64_t high) const {
  const Json* member = given(name);
  if (member == nullptr) return std::nullopt;
  // As a double first: an integer type would wrap what is beyond its range.
  if (!member->is_number_integer() || member->get<double>() < static_cast<double>(low) ||
      member->get<double>() > static_cast<double>(high)) {
    return tl::unexpected(wrong(name, fmt::format("a whole number from {} to {}", low, high)));
  }
  return member->get<std::int64_t>();
}

ApiResult<std::optional<std::string>> Members::text(std::string_view name, std::size_t min_bytes,
                                                    std::size_t max_bytes) const {
  const Json* member = given(name);
  if (member == nullptr) return std::nullopt;
  const auto* value = member->get_ptr<const std::string*>();
  if (value == nullptr || value->size() < min_bytes || value->size() > max_bytes) {
    return tl::unexpected(
        wrong(name, fmt::format("a string of {} to {} bytes", min_bytes, max_bytes)));
  }
  return *value;
}

ApiResult<std::optional<Members>> Members::object(std::string_view name) const {
  const Json* member = given(name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_object()) return tl::unexpected(wrong(name, "an object"));
  return Members(*member, path(name));
}

}  // namespace confide::api

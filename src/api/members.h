// Reading the members of a request's body. JSON null counts as absent, as at OpenAI; what is wrong
// is a 400 that names the member by its path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/errors.h"
#include "base/json.h"

namespace confide::api {

class Members {
 public:
  // `object` outlives this; whatever is no object has no members. `path` is empty for a body.
  explicit Members(const Json& object, std::string path = "")
      : object_(&object), path_(std::move(path)) {}

  const Json* given(std::string_view name) const;
  // Of a member, or of the object itself.
  std::string path(std::string_view name) const;
  ApiError wrong(std::string_view name, std::string_view expected) const;

  ApiResult<double> number(std::string_view name, double fallback, double low, double high) const;
  ApiResult<bool> boolean(std::string_view name, bool fallback) const;
  // A whole number; what is above `high` is refused too.
  ApiResult<std::optional<std::int64_t>> whole(std::string_view name, std::int64_t low,
                                               std::int64_t high) const;
  ApiResult<std::optional<std::string>> text(std::string_view name, std::size_t min_bytes,
                                             std::size_t max_bytes) const;
  ApiResult<std::optional<Members>> object(std::string_view name) const;

  const Json& json() const noexcept { return *object_; }

 private:
  const Json* object_;
  std::string path_;
};

}  // namespace confide::api

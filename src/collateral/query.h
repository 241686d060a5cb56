// One thing that a collateral service is asked for: the request, and how its answer is read. Pure.
#pragma once

#include <functional>
#include <string>

#include "collateral/cache.h"
#include "collateral/http.h"

namespace confide::collateral {

struct Query {
  // What an entry of the cache is found by: which service gave it makes no difference.
  std::string kind;
  std::string key;
  std::string what;  // for people: "TCB info of FMSPC 00806f050000"
  HttpRequest request;
  // Reads the answer of a service that had what it was asked for (status 200), and from it when
  // that holds. Fails with `malformed` or `limit`; nothing is verified here.
  std::function<Result<Entry>(const HttpAnswer&)> read;
};

// `base` without trailing slashes, and `path` after it.
std::string join_url(std::string_view base, std::string_view path);

// Undoes percent encoding. Fails with `malformed`.
Result<std::string> percent_decode(std::string_view text);

}  // namespace confide::collateral

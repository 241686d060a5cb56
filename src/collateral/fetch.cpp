#include "collateral/fetch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace confide::collateral {
namespace {

// What a status other than 200 means to someone who waits for an answer.
std::string_view meaning_of(int status) {
  if (status == 404) return "it does not have it";
  if (status == 429) return "too many requests; try again later";
  if (status >= 500) return "it is not working; try again later";
  if (status >= 300 && status < 400) return "it points elsewhere, which is not followed";
  if (status == 401 || status == 403) return "it wants to know who asks";
  return "it did not understand";
}

}  // namespace

Result<std::optional<Entry>> Fetcher::get(const Query& query) {
  if (cache_ != nullptr) {
    if (auto entry = cache_->find(query.kind, query.key, at_)) return entry;
  }
  if (http_ == nullptr) return std::optional<Entry>();
  return ask(query);
}

Result<std::optional<Entry>> Fetcher::ask(const Query& query) {
  const auto failed = [&](Errc code, std::string_view why) {
    return fail(code, fmt::format("cannot fetch {}: {}", query.what, why));
  };
  const auto answer = http_->send(query.request);
  if (!answer) {
    // A URL that must not be asked is the user's mistake; all else may be better another time.
    const bool refused = answer.error().code == Errc::policy;
    return failed(refused ? Errc::policy : Errc::unavailable, answer.error().message);
  }
  if (answer->status != 200) {
    return failed(answer->status == 404 ? Errc::not_found : Errc::unavailable,
                  fmt::format("{} answered {}: {}", query.request.url, answer->status,
                              meaning_of(answer->status)));
  }
  auto entry = query.read(*answer);
  if (!entry) {
    return failed(Errc::unavailable, fmt::format("the answer of {} is of no use: {}",
                                                 query.request.url, entry.error().message));
  }
  notes_.push_back(fmt::format("fetched {} from {}", query.what, query.request.url));
  if (cache_ != nullptr && entry->holds_at(at_)) {
    const Status stored = cache_->store(query.kind, query.key, *entry);
    if (!stored) notes_.push_back("not kept: " + stored.error().message);
  }
  return std::optional<Entry>(*std::move(entry));
}

}  // namespace confide::collateral

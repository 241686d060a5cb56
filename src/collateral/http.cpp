#include "collateral/http.h"

#include <algorithm>
#include <array>
#include <thread>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/ascii.h"

namespace confide::collateral {
namespace {

constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

struct EasyDeleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct UrlDeleter {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

std::string url_part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string out(text);
  curl_free(text);
  return out;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

// What the callbacks write into. They only ever append, up to a limit.
struct Receiver {
  HttpAnswer answer;
  std::size_t max_bytes = 0;
  std::size_t header_bytes = 0;
  bool overflowed = false;
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* context) {
  auto& receiver = *static_cast<Receiver*>(context);
  if (size > receiver.max_bytes - receiver.answer.body.size()) {
    receiver.overflowed = true;
    return 0;
  }
  append(receiver.answer.body, as_bytes(std::string_view(data, size)));
  return size;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* context) {
  auto& receiver = *static_cast<Receiver*>(context);
  receiver.header_bytes += size;
  if (receiver.header_bytes > kMaxHeaderBytes) {
    receiver.overflowed = true;
    return 0;
  }
  std::string_view line(data, size);
  // An interim answer's headers are not the answer's.
  if (line.starts_with("HTTP/")) receiver.answer.headers.clear();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name = to_lower(line.substr(0, colon));
  std::string_view value = line.substr(colon + 1);
  const std::size_t first = value.find_first_not_of(" \t\r\n");
  const std::size_t last = value.find_last_not_of(" \t\r\n");
  value = first == std::string_view::npos ? "" : value.substr(first, last - first + 1);
  receiver.answer.headers.emplace_back(std::move(name), value);
  return size;
}

bool is_worth_another_try(const Result<HttpAnswer>& answer) {
  if (!answer) return answer.error().code == Errc::unavailable;
  return answer->status == 429 || answer->status >= 500;
}

class CurlHttp final : public Http {
 public:
  explicit CurlHttp(const HttpOptions& options) : options_(options) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
  }
  CurlHttp(const CurlHttp&) = delete;
  CurlHttp& operator=(const CurlHttp&) = delete;
  ~CurlHttp() override {
    easy_.reset();
    curl_global_cleanup();
  }

  Result<HttpAnswer> send(const HttpRequest& request) override {
    TRY(check_url(request.url));
    auto pause = options_.pause;
    for (int attempt = 1;; ++attempt) {
      Result<HttpAnswer> answer = send_once(request);
      if (attempt >= options_.attempts || !is_worth_another_try(answer)) return answer;
      std::this_thread::sleep_for(pause);
      pause *= 2;
    }
  }

 private:
  Result<HttpAnswer> send_once(const HttpRequest& request);
  void configure(const HttpRequest& request, Receiver& receiver, const List& headers, char* reason);

  HttpOptions options_;
  Easy easy_{nullptr};  // kept: it keeps connections open between requests
};

void CurlHttp::configure(const HttpRequest& request, Receiver& receiver, const List& headers,
                         char* reason) {
  CURL* const easy = easy_.get();
  curl_easy_reset(easy);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "confide");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &receiver);
  if (request.content_type.empty()) return;
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
}

Result<HttpAnswer> CurlHttp::send_once(const HttpRequest& request) {
  if (!easy_) easy_.reset(curl_easy_init());
  if (!easy_) return fail(Errc::internal, "libcurl cannot be set up");
  List headers(curl_slist_append(nullptr, fmt::format("Accept: {}", request.accept).c_str()));
  if (!request.content_type.empty()) {
    curl_slist_append(headers.get(), fmt::format("Content-Type: {}", request.content_type).c_str());
  }
  Receiver receiver;
  receiver.max_bytes = request.max_bytes;
  std::array<char, CURL_ERROR_SIZE> reason{};
  configure(request, receiver, headers, reason.data());

  const CURLcode code = curl_easy_perform(easy_.get());
  if (receiver.overflowed) {
    return fail(Errc::limit,
                fmt::format("{} answered with more than {} bytes", request.url, request.max_bytes));
  }
  if (code != CURLE_OK) {
    const std::string_view detail = reason[0] != '\0' ? reason.data() : curl_easy_strerror(code);
    return fail(Errc::unavailable, fmt::format("{}: {}", request.url, detail));
  }
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  receiver.answer.status = static_cast<int>(status);
  return std::move(receiver.answer);
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const noexcept {
  const auto found = std::ranges::find(
      headers, name, [](const auto& header) { return std::string_view(header.first); });
  return found == headers.end() ? std::string_view{} : std::string_view(found->second);
}

Status check_url(const std::string& url) {
  const std::unique_ptr<CURLU, UrlDeleter> parsed(curl_url());
  if (!parsed || url.size() > kMaxUrl ||
      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
          CURLUE_OK) {
    return fail(Errc::policy, fmt::format("{} is not a URL", url));
  }
  if (!url_part(parsed.get(), CURLUPART_USER).empty() ||
      !url_part(parsed.get(), CURLUPART_PASSWORD).empty()) {
    return fail(Errc::policy, "a URL of a collateral service carries no credentials");
  }
  const std::string scheme = url_part(parsed.get(), CURLUPART_SCHEME);
  if (scheme == "https") return {};
  if (scheme == "http" && is_loopback(url_part(parsed.get(), CURLUPART_HOST))) return {};
  return fail(Errc::policy, fmt::format("{}: collateral is fetched over https alone", url));
}

std::unique_ptr<Http> make_http(const HttpOptions& options) {
  return std::make_unique<CurlHttp>(options);
}

}  // namespace confide::collateral

#include "startup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "manifest.h"
#include "net/tls.h"
#include "ops/hardening.h"
#include "ops/log.h"

namespace confide::server {
namespace {

ops::LogLevel log_level(const ServeOptions& options) {
  if (options.verbose || options.log_level == "debug") return ops::LogLevel::debug;
  if (options.log_level == "warning") return ops::LogLevel::warning;
  return options.log_level == "error" ? ops::LogLevel::error : ops::LogLevel::info;
}

}  // namespace

int as_program(const ServeOptions& options, const std::function<Status()>& run) {
  ops::start_logging(log_level(options),
                     options.log_format == "json" ? ops::LogFormat::json : ops::LogFormat::text);
  Status status = ops::harden_process();
  net::reserve_secure_memory();
  if (status) status = close_environment();
  if (status) status = run();
  if (status) return 0;
  ops::log_error(status.error().message);
  return status.error().code == Errc::unavailable ? 3 : 2;
}

Status make_state_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Errc::unavailable,
                fmt::format("cannot create --state {}: {}", path, std::strerror(errno)));
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    return fail(Errc::unavailable,
                fmt::format("cannot write to --state {}: {}", path, std::strerror(errno)));
  }
  return {};
}

Result<std::unique_ptr<attest::Tee>> open_tee(const ServeOptions& options,
                                              const std::vector<std::string>& arguments,
                                              const Clock& clock) {
  attest::Settings settings;
  TRY_ASSIGN(settings.kind, attest::parse_kind(options.tee));
  settings.state_dir = options.state;
  TRY_ASSIGN(settings.app_compose, application_manifest(arguments));
  settings.clock = &clock;
  TRY_ASSIGN(auto tee, attest::open_tee(settings));
  if (tee->simulated()) {
    ops::log_warning(fmt::format(
        "SIMULATED TEE: no hardware protects this service; clients must name {}/sim-root.pem",
        options.state));
  }
  return tee;
}

}  // namespace confide::server

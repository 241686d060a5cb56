#include "caretaker.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "ops/file.h"
#include "ops/log.h"

namespace confide::server {
namespace {

seal::SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Status publish_certificate(const ServeOptions& options, const api::Identity& identity) {
  return ops::replace_file(options.state + "/tls-cert.pem", identity.tls_certificate().to_pem());
}

// The files may have changed since they were first read, so the stamps are of before: none.
Caretaker::Caretaker(const ServeOptions& options, const InCare& in_care)
    : options_(options), in_care_(in_care), thread_([this] { run(); }) {}

Caretaker::~Caretaker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Caretaker::reread() {
  {
    const std::lock_guard lock(mutex_);
    reread_ = true;
  }
  wake_.notify_one();
}

void Caretaker::run() {
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::seconds{1}, [this] { return stopping_ || reread_; });
    if (stopping_) return;
    const bool all = std::exchange(reread_, false);
    lock.unlock();
    tend_identity();
    look_at_files(all);
    in_care_.metrics.set("confide_connections", "Connections that are open.", {},
                         static_cast<double>(in_care_.server.open_connections()));
  }
}

void Caretaker::tend_identity() {
  const auto replaced = in_care_.identity.tend(steady_now());
  if (!replaced) {
    ops::log_error(fmt::format("sealing key not replaced: {}", replaced.error().message));
  } else if (*replaced) {
    ops::log_info(
        fmt::format("sealing key replaced; keyset {}", in_care_.identity.published()->digest));
  }
}

void Caretaker::look_at_files(bool all) {
  if (in_care_.access != nullptr) {
    const FileStamp now = stamp_of(options_.api_keys);
    if (std::exchange(keys_stamp_, now) != now || all) read_api_keys();
  }
  if (!options_.tls_certificate.empty()) {
    const FileStamp certificate = stamp_of(options_.tls_certificate);
    const FileStamp key = stamp_of(options_.tls_key);
    const bool changed = std::exchange(certificate_stamp_, certificate) != certificate;
    if (std::exchange(tls_key_stamp_, key) != key || changed || all) read_tls();
  }
}

void Caretaker::read_api_keys() {
  auto keys = server::read_api_keys(options_.api_keys);
  if (!keys) {
    return ops::log_error(fmt::format("API keys stay as they were: {}", keys.error().message));
  }
  const std::size_t count = keys->size();
  in_care_.access->replace(*std::move(keys));
  ops::log_info(fmt::format("{} API keys read", count));
}

// The keyset first: a key that is shown is listed.
void Caretaker::read_tls() {
  auto files = server::read_tls(options_.tls_certificate, options_.tls_key);
  if (!files) {
    return ops::log_error(
        fmt::format("TLS certificate stays as it was: {}", files.error().message));
  }
  if (files->leaf == in_care_.identity.tls_certificate()) return;
  const auto replaced = in_care_.identity.replace_tls(files->leaf, steady_now());
  if (!replaced) {
    return ops::log_error(
        fmt::format("TLS certificate stays as it was: {}", replaced.error().message));
  }
  in_care_.server.set_tls(std::move(files->context));
  if (const auto written = publish_certificate(options_, in_care_.identity); !written) {
    ops::log_error(written.error().message);
  }
  ops::log_info(fmt::format("TLS certificate replaced, {} key; keyset {}",
                            *replaced ? "another" : "the same",
                            in_care_.identity.published()->digest));
}

}  // namespace confide::server

// Result<T>: a value, or an Error that says why there is none.
//
// tl::expected with two changes: dropping a Result does not compile, and reading the side that is
// not there aborts instead of being undefined.
#pragma once

#include <cstdlib>
#include <string>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace confide {

// What a caller may do about a failure. The message says which rule failed.
enum class Errc {
  malformed,      // the bytes are not what the format demands
  unsupported,    // well-formed, but a version or algorithm we do not speak
  bad_signature,  // a signature, MAC or tag does not verify
  expired,        // outside its validity period, on either side
  untrusted,      // no chain to an accepted root, or revoked
  mismatch,       // two values that must be equal are not
  policy,         // genuine, but not what the appraisal policy accepts
  limit,          // larger, deeper or more than we allow
  not_found,
  unavailable,  // try again later, or elsewhere
  internal,     // our own fault
};

std::string_view to_string(Errc code) noexcept;

// The message may be logged and shown: it never carries a secret, a prompt or an answer.
struct Error {
  Errc code = Errc::internal;
  std::string message;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  using Base = tl::expected<T, Error>;

 public:
  using Base::Base;

  template <class Self = T>
    requires(!std::is_void_v<Self>)
  Self& operator*() & {
    return expect(this->has_value()), Base::operator*();
  }
  template <class Self = T>
    requires(!std::is_void_v<Self>)
  const Self& operator*() const& {
    return expect(this->has_value()), Base::operator*();
  }
  template <class Self = T>
    requires(!std::is_void_v<Self>)
  Self&& operator*() && {
    return expect(this->has_value()), std::move(Base::operator*());
  }
  template <class Self = T>
    requires(!std::is_void_v<Self>)
  Self* operator->() {
    return expect(this->has_value()), Base::operator->();
  }
  template <class Self = T>
    requires(!std::is_void_v<Self>)
  const Self* operator->() const {
    return expect(this->has_value()), Base::operator->();
  }
  const Error& error() const& { return expect(!this->has_value()), Base::error(); }
  Error&& error() && { return expect(!this->has_value()), std::move(Base::error()); }

 private:
  static void expect(bool ok) {
    if (!ok) std::abort();
  }
};

using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace confide

#define CONFIDE_CONCAT_(a, b) a##b
#define CONFIDE_CONCAT(a, b) CONFIDE_CONCAT_(a, b)

// Returns the error of `expr` from the enclosing function, if it has one.
#define TRY(expr)                                                                   \
  do {                                                                              \
    if (auto confide_status = (expr); !confide_status)                              \
      return ::tl::unexpected<::confide::Error>(std::move(confide_status).error()); \
  } while (false)

// Declares `decl` and moves the value of `expr` into it, or returns the error of `expr`.
#define TRY_ASSIGN(decl, expr) TRY_ASSIGN_(CONFIDE_CONCAT(confide_result_, __LINE__), decl, expr)
#define TRY_ASSIGN_(name, decl, expr)                                            \
  auto name = (expr);                                                            \
  if (!name) return ::tl::unexpected<::confide::Error>(std::move(name).error()); \
  decl = *std::move(name)

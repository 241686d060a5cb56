// TRY and TRY_ASSIGN for ApiResult.
#pragma once

#include "api/errors.h"
#include "base/result.h"

#define API_TRY(expr)                                                                   \
  do {                                                                                  \
    if (auto api_status = (expr); !api_status)                                          \
      return ::tl::unexpected<::confide::api::ApiError>(std::move(api_status).error()); \
  } while (false)

#define API_TRY_ASSIGN(decl, expr) \
  API_TRY_ASSIGN_(CONFIDE_CONCAT(api_result_, __LINE__), decl, expr)
#define API_TRY_ASSIGN_(name, decl, expr)                                                \
  auto name = (expr);                                                                    \
  if (!name) return ::tl::unexpected<::confide::api::ApiError>(std::move(name).error()); \
  decl = *std::move(name)

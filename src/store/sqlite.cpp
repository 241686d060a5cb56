#include "store/sqlite.h"

#include <filesystem>

#include <fmt/format.h>

namespace confide::store {
namespace {

// How long a writer waits for another process, such as a backup, before it gives up.
constexpr int kBusyMilliseconds = 5000;

Errc to_errc(int code) {
  switch (code & 0xff) {  // the primary code of an extended one
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return Errc::malformed;
    case SQLITE_CONSTRAINT:
      return Errc::mismatch;
    case SQLITE_TOOBIG:
      return Errc::limit;
    case SQLITE_MISUSE:
    case SQLITE_ERROR:
    case SQLITE_RANGE:
      return Errc::internal;
    default:  // disk full, locked, read-only, I/O: all of them may be better later
      return Errc::unavailable;
  }
}

// SQLite's message names tables, columns and files, never a bound value.
tl::unexpected<Error> failure(sqlite3* handle, int code) {
  const char* why = handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
  return fail(to_errc(code), fmt::format("SQLite: {}", why));
}

}  // namespace

// The static destructor: what is bound outlives the step, since callers bind and run in one place.
void Statement::bind(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}

void Statement::bind_blob(int parameter, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), parameter, bytes.data(), bytes.size(), SQLITE_STATIC);
}

void Statement::bind(int parameter, std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), parameter, number);
}

void Statement::bind(int parameter, const std::optional<std::string>& text) {
  if (text) {
    bind(parameter, std::string_view(*text));
  } else {
    sqlite3_bind_null(statement_.get(), parameter);
  }
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const auto error = failure(sqlite3_db_handle(statement_.get()), code);
  reset();
  return error;
}

Status Statement::run() {
  TRY(step());
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

Result<Database> Database::open(const std::string& path) {
  std::error_code ignored;
  // An absolute path cannot be mistaken for "file:..." or ":memory:".
  const std::string absolute = std::filesystem::absolute(path, ignored).string();
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(absolute.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);  // SQLite hands out a handle even when it fails
  if (code != SQLITE_OK) return failure(handle, code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  return database;
}

Status Database::execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return Statement(statement);
}

Result<std::int64_t> Database::number(std::string_view sql) {
  TRY_ASSIGN(Statement statement, prepare(sql));
  TRY_ASSIGN(const bool row, statement.step());
  if (!row) return fail(Errc::internal, "SQLite: no row");
  return statement.number(0);
}

}  // namespace confide::store

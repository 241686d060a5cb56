// SQLite as far as we need it: a connection and prepared statements, with Result for error codes.
// Not thread-safe: the owner serialises all use of a Database and of its Statements.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace confide::store {

// Values enter SQL by binding alone. Parameters and columns count as SQLite counts them: parameters
// from 1, columns from 0.
class Statement {
 public:
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t number);
  void bind(int parameter, const std::optional<std::string>& text);
  void bind_blob(int parameter, std::string_view bytes);

  // True if there is a row to read. What was bound stays valid until run() or reset().
  Result<bool> step();
  // Steps a statement that returns no rows, and resets it.
  Status run();
  void reset();

  std::string text(int column) const;  // or the bytes of a blob
  std::int64_t number(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Opens an existing file. `path` is taken literally: neither a URI nor SQLite's own special
  // names.
  static Result<Database> open(const std::string& path);

  // Runs SQL that takes no parameters; for fixed texts only.
  Status execute(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  // The one number that `sql` selects, such as a pragma's value.
  Result<std::int64_t> number(std::string_view sql);
  // Rows changed by the last statement.
  std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace confide::store

#include "store/owned_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace confide::store {
namespace {

// With a write-ahead log a commit has handed its pages to the kernel by write(2) before it returns,
// and the kernel keeps them when the process dies: NORMAL is enough for a row to survive kill -9,
// and an fsync for each is not paid. If the whole machine dies, the last rows may be gone, never
// the file.
constexpr const char* kJournal = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";

// SQLite would create the file with the mode the umask leaves. It gives the log and the index
// beside it the mode of the file itself.
Status make_private_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
    return {};
  }
  // By name, since closing a descriptor would drop the locks of another connection here.
  if (errno == EEXIST && ::chmod(path.c_str(), 0600) == 0) return {};
  return fail(Errc::unavailable, std::generic_category().message(errno));
}

Status check_identity(Database& db, const Schema& schema) {
  TRY_ASSIGN(const std::int64_t application, db.number("PRAGMA application_id"));
  TRY_ASSIGN(const std::int64_t version, db.number("PRAGMA user_version"));
  if (application != schema.application_id) {
    return fail(Errc::malformed, "the database belongs to another program");
  }
  if (version > schema.version) {
    return fail(Errc::unsupported,
                fmt::format("schema version {} is newer than ours, {}", version, schema.version));
  }
  return {};
}

// Under the write lock: two processes may start at once on a new file.
Status create_schema_if_empty(Database& db, const Schema& schema) {
  TRY(db.execute("BEGIN IMMEDIATE"));
  const auto tables = db.number("SELECT count(*) FROM sqlite_schema");
  const Status made = !tables        ? Status(tl::unexpected<Error>(tables.error()))
                      : *tables == 0 ? db.execute(schema.sql)
                                     : Status();
  if (!made) {
    TRY(db.execute("ROLLBACK"));
    return made;
  }
  return db.execute("COMMIT");
}

Result<Database> open(const std::string& path, const Schema& schema) {
  TRY_ASSIGN(Database db, Database::open(path));
  TRY(create_schema_if_empty(db, schema));
  TRY(check_identity(db, schema));
  TRY(db.execute(kJournal));
  return db;
}

}  // namespace

Result<Database> open_owned_file(const std::string& path, const Schema& schema) {
  if (auto made = make_private_file(path); !made) {
    return fail(made.error().code,
                fmt::format("{} {}: {}", schema.name, path, made.error().message));
  }
  auto db = open(path, schema);
  if (db) return db;
  return fail(db.error().code, fmt::format("{} {}: {}; move it away to start afresh", schema.name,
                                           path, db.error().message));
}

}  // namespace confide::store

#include "attest/linux_tdx.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "attest/measured_log.h"
#include "evidence/ccel.h"
#include "evidence/dcap_quote.h"
#include "ops/log.h"

namespace confide::attest {
namespace {

constexpr std::string_view kProvider = "tdx_guest";
constexpr std::size_t kMaxAttribute = 256;
constexpr unsigned kRuntimeRegister = 3;
// Another process may write to an entry only by guessing its name; three tries are plenty.
constexpr int kTries = 3;

std::string trimmed(ByteView text) {
  std::string_view view = as_text(text);
  while (view.ends_with('\n') || view.ends_with('\0')) view.remove_suffix(1);
  return std::string(view);
}

// One directory under configfs_root. The kernel fills it with attributes and takes it away again on
// rmdir(2), which must happen on every path: entries are kernel memory.
class ReportEntry {
 public:
  static Result<ReportEntry> make(const std::string& root, LinuxFiles& files) {
    static std::atomic<std::uint64_t> counter = 0;
    std::string path = fmt::format("{}/confide-{}-{}", root, ::getpid(), counter++);
    TRY(files.make_directory(path));
    return ReportEntry(std::move(path), files);
  }
  ReportEntry(ReportEntry&& other) noexcept
      : path_(std::exchange(other.path_, {})), files_(other.files_) {}
  ReportEntry& operator=(ReportEntry&&) = delete;
  ~ReportEntry() {
    if (path_.empty()) return;
    if (const Status removed = files_.remove_directory(path_); !removed) {
      ops::log_warning("TSM report entry: " + removed.error().message);
    }
  }

  Result<std::string> provider() {
    TRY_ASSIGN(const Bytes text, files_.read(path_ + "/provider", kMaxAttribute));
    return trimmed(text);
  }

  // Fails with `mismatch` if somebody else wrote to the entry meanwhile.
  Result<Bytes> report(const evidence::ReportData& report_data) {
    TRY_ASSIGN(const std::uint64_t before, generation());
    TRY(files_.write(path_ + "/inblob", report_data));
    TRY_ASSIGN(Bytes quote, files_.read(path_ + "/outblob", evidence::kMaxQuoteBytes));
    TRY_ASSIGN(const std::uint64_t after, generation());
    if (after != before + 1) return fail(Errc::mismatch, "TSM report entry was written by another");
    return quote;
  }

 private:
  ReportEntry(std::string path, LinuxFiles& files) : path_(std::move(path)), files_(files) {}

  Result<std::uint64_t> generation() {
    TRY_ASSIGN(const Bytes bytes, files_.read(path_ + "/generation", kMaxAttribute));
    const std::string text = trimmed(bytes);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
      return fail(Errc::unavailable, "TSM report generation");
    }
    return value;
  }

  std::string path_;
  LinuxFiles& files_;
};

class LinuxTdx final : public Tee {
 public:
  LinuxTdx(const Settings& settings, std::unique_ptr<LinuxFiles> files, MeasuredLog log)
      : root_(settings.configfs_root),
        rtmr3_path_(settings.rtmr3_path),
        files_(std::move(files)),
        log_(std::move(log)) {}

  std::string_view tee_type() const noexcept override { return "tdx"; }
  bool simulated() const noexcept override { return false; }

  Result<Evidence> quote(const evidence::ReportData& report_data) override {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(Bytes quote, report(report_data));
    TRY_ASSIGN(const evidence::DcapQuote parsed, evidence::parse_dcap_quote(quote));
    const evidence::TdReport* const td = parsed.td();
    if (td == nullptr || td->report_data != report_data) {
      return fail(Errc::mismatch, "the quote is for other report data");
    }
    if (td->rtmr[kRuntimeRegister] != log_.rtmrs()[kRuntimeRegister]) {
      return fail(Errc::mismatch, "RTMR3 was extended by another program: no log explains it");
    }
    Evidence evidence;
    evidence.quote = std::move(quote);
    evidence.event_log = log_.events();
    return evidence;
  }

  Status measure(std::string_view name, ByteView payload) override {
    TRY_ASSIGN(evidence::Event event, runtime_event(name, payload));
    const std::lock_guard lock(mutex_);
    TRY(files_->write(rtmr3_path_, event.digest));
    log_.append(std::move(event));
    return {};
  }

 private:
  Result<Bytes> report(const evidence::ReportData& report_data) {
    for (int tries = 1;; ++tries) {
      TRY_ASSIGN(ReportEntry entry, ReportEntry::make(root_, *files_));
      auto quote = entry.report(report_data);
      if (quote || quote.error().code != Errc::mismatch || tries == kTries) return quote;
    }
  }

  const std::string root_;
  const std::string rtmr3_path_;
  std::mutex mutex_;  // over registers, log and quotes alike
  std::unique_ptr<LinuxFiles> files_;
  MeasuredLog log_;
};

Result<MeasuredLog> boot_log(const Settings& settings, LinuxFiles& files) {
  const auto area = files.read(settings.ccel_path, evidence::kMaxCcelBytes);
  if (!area) {
    return fail(Errc::unavailable, "no boot event log (ACPI table CCEL): " + area.error().message);
  }
  TRY_ASSIGN(const evidence::Ccel ccel, evidence::parse_ccel(*area));
  TRY_ASSIGN(std::vector<evidence::Event> events, evidence::rtmr_events(ccel));
  MeasuredLog log;
  for (evidence::Event& event : events) log.append(std::move(event));
  return log;
}

Status check_register(const Settings& settings, LinuxFiles& files, const MeasuredLog& log) {
  const auto current = files.read(settings.rtmr3_path, kMaxAttribute);
  if (!current) {
    return fail(Errc::unavailable, "RTMR3 cannot be extended (Linux 6.16 or newer is needed): " +
                                       current.error().message);
  }
  if (!std::ranges::equal(*current, log.rtmrs()[kRuntimeRegister])) {
    return fail(Errc::unavailable,
                "RTMR3 already holds measurements that the boot log does not explain: this program "
                "ran before in this virtual machine, or another one measures into it; reboot it");
  }
  return {};
}

}  // namespace

Result<std::string> tsm_provider(const Settings& settings, LinuxFiles& files) {
  auto entry = ReportEntry::make(settings.configfs_root, files);
  auto provider = entry ? entry->provider() : tl::unexpected<Error>(entry.error());
  if (!provider) {
    return fail(Errc::unavailable, "the kernel offers no attestation reports (configfs TSM): " +
                                       provider.error().message);
  }
  return provider;
}

Result<std::unique_ptr<Tee>> open_linux_tdx(const Settings& settings,
                                            std::unique_ptr<LinuxFiles> files) {
  TRY_ASSIGN(const std::string provider, tsm_provider(settings, *files));
  if (provider != kProvider) {
    return fail(Errc::unavailable, fmt::format("this is no TDX guest: the kernel's report provider "
                                               "is {}",
                                               provider));
  }
  TRY_ASSIGN(MeasuredLog log, boot_log(settings, *files));
  TRY(check_register(settings, *files, log));
  return std::make_unique<LinuxTdx>(settings, std::move(files), std::move(log));
}

}  // namespace confide::attest

// The main() of a mutated test program.
//
//   serve JOBS  runs every test once without a mutant and tells which mutants each one reaches.
//               Then reads mutants' numbers, a line each, and tells what became of each. A mutant
//               runs in a fork: what the tests have cached (keys, certificates) is there already.
//   once N      runs the tests of the filter read from stdin with mutant N active from the start,
//               so that nothing is cached; 0: passed, 1: failed.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mutation_runtime.h"

namespace {

using Clock = std::chrono::steady_clock;

struct TestRun {
  std::string name;
  double seconds = 0;
  std::vector<std::size_t> reached;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string full_name(const testing::TestInfo& info) {
  return std::string(info.test_suite_name()) + "." + info.name();
}

// Notes what each test reaches and how long it takes.
class Coverage : public testing::EmptyTestEventListener {
 public:
  explicit Coverage(std::FILE* out) : out_(out) {}

  void OnTestStart(const testing::TestInfo& /*info*/) override {
    mutation::reached.fill(0);
    start_ = Clock::now();
  }
  void OnTestEnd(const testing::TestInfo& info) override {
    if (info.result()->Skipped()) {
      std::fprintf(out_, "skipped %s\n", full_name(info).c_str());
      return;
    }
    if (info.result()->Failed()) std::fprintf(out_, "failed %s\n", full_name(info).c_str());
    TestRun run{full_name(info), seconds_since(start_), {}};
    for (std::size_t id = 1; id < mutation::reached.size(); ++id) {
      if (mutation::reached[id] != 0) run.reached.push_back(id);
    }
    std::fprintf(out_, "test %s %.6f", run.name.c_str(), run.seconds);
    for (const std::size_t id : run.reached) std::fprintf(out_, " %zu", id);
    std::fprintf(out_, "\n");
    runs.push_back(std::move(run));
  }

  std::vector<TestRun> runs;

 private:
  std::FILE* out_;
  Clock::time_point start_;
};

// The first failed assertion decides.
class FirstFailure : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& part) override {
    if (part.failed()) _exit(1);
  }
};

void listen(testing::TestEventListener* listener) {
  testing::TestEventListeners& all = testing::UnitTest::GetInstance()->listeners();
  delete all.Release(all.default_result_printer());
  all.Append(listener);
}

int run_tests(const std::string& filter) {
  GTEST_FLAG_SET(filter, filter);
  return RUN_ALL_TESTS();
}

// Which test each mutant was last seen in, if it did not survive; shared with the children.
using Killers = std::span<const TestRun*, mutation::kMaxMutants>;

Killers share_killers() {
  constexpr std::size_t kBytes = mutation::kMaxMutants * sizeof(const TestRun*);
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return Killers(static_cast<const TestRun**>(memory), mutation::kMaxMutants);
}

// The tests that reach the mutant: first those that noticed its neighbours, then the fastest.
std::vector<const TestRun*> choose(std::size_t id, const std::vector<TestRun>& runs,
                                   Killers killers) {
  constexpr std::size_t kNear = 12;
  std::map<const TestRun*, std::size_t> distances;
  const std::size_t first = id > kNear ? id - kNear : 0;
  for (std::size_t other = first; other < std::min(id + kNear, killers.size()); ++other) {
    const std::size_t distance = other < id ? id - other : other - id;
    if (killers[other] == nullptr) continue;
    auto& least = distances.try_emplace(killers[other], distance).first->second;
    least = std::min(least, distance);
  }
  std::vector<const TestRun*> out;
  for (const TestRun& run : runs) {
    if (std::ranges::binary_search(run.reached, id)) out.push_back(&run);
  }
  std::ranges::sort(out, {}, [&](const TestRun* run) {
    const auto at = distances.find(run);
    return std::pair(at == distances.end() ? kNear + 1 : at->second, run->seconds);
  });
  return out;
}

[[noreturn]] void run_mutant(std::size_t id, const std::vector<TestRun>& runs, Killers killers) {
  const rlimit memory{8UL << 30U, 8UL << 30U};
  setrlimit(RLIMIT_AS, &memory);
  const std::vector<const TestRun*> chosen = choose(id, runs, killers);
  double expected = 0;
  for (const TestRun* run : chosen) expected += run->seconds;
  // Processor time, so that a busy machine kills no mutant; the alarm is for one that waits.
  const auto seconds = static_cast<rlim_t>(10 + 20 * expected);
  const rlimit time{seconds, seconds + 5};
  setrlimit(RLIMIT_CPU, &time);
  alarm(1200);
  mutation::active = id;
  listen(new FirstFailure);
  for (const TestRun* run : chosen) {
    killers[id] = run;
    if (run_tests(run->name) != 0) _exit(1);
  }
  killers[id] = nullptr;
  _exit(0);
}

const char* outcome_of(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? "survived" : "killed";
  const int signal = WTERMSIG(status);
  return signal == SIGXCPU || signal == SIGKILL || signal == SIGALRM ? "timeout" : "crashed";
}

int serve(std::FILE* out, std::size_t jobs) {
  auto* const coverage = new Coverage(out);
  listen(coverage);
  (void)run_tests("*");
  testing::UnitTest::GetInstance()->listeners().Release(coverage);
  for (std::size_t id = 1; id < mutation::inert.size(); ++id) {
    if (mutation::inert[id] != 0) std::fprintf(out, "inert %zu\n", id);
  }
  std::fprintf(out, "ready\n");
  std::fflush(out);
  const Killers killers = share_killers();
  std::map<pid_t, std::size_t> running;
  const auto finish_one = [&] {
    int status = 0;
    const pid_t child = wait(&status);
    std::fprintf(out, "mutant %zu %s\n", running.at(child), outcome_of(status));
    std::fflush(out);
    running.erase(child);
  };
  for (std::size_t id = 0; std::cin >> id;) {
    if (running.size() == jobs) finish_one();
    const pid_t child = fork();
    if (child == 0) run_mutant(id, coverage->runs, killers);
    running.emplace(child, id);
  }
  while (!running.empty()) finish_one();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::string mode = argc > 1 ? argv[1] : "";
  std::FILE* const out = fdopen(dup(STDOUT_FILENO), "w");
  if (std::freopen("/dev/null", "w", stdout) == nullptr) return 2;
  const std::size_t number = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
  if (mode == "serve" && number > 0) return serve(out, number);
  if (mode != "once") return 2;
  std::string filter;
  std::getline(std::cin, filter);
  mutation::active = number;
  listen(new FirstFailure);
  return run_tests(filter);
}

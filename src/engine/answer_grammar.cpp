#include "engine/answer_grammar.h"

#include <llama-grammar.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/llama_guard.h"
#include "engine/utf8.h"

namespace confide::engine {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20U;
constexpr std::size_t kMaxElements = std::size_t{1} << 18U;
constexpr std::size_t kMaxPlaces = 1000;  // at the same time
constexpr std::size_t kMaxDepth = 512;    // rules within rules
// What following the grammar may cost, in seconds of this thread: others' answers wait meanwhile,
// and where many places are open llama.cpp takes the cube of their number for one character.
constexpr double kAllowance = 1.0;
constexpr double kAllowancePerToken = 0.02;
constexpr std::size_t kFewPlaces = 16;  // of which nothing needs to be measured

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Takes what passes while it stands from the allowance.
class Meter {
 public:
  Meter(double& began, double& allowance) : began_(began), allowance_(allowance) {
    began_ = thread_seconds();
  }
  ~Meter() { allowance_ -= thread_seconds() - began_; }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

 private:
  double& began_;
  double& allowance_;
};

struct FreeGrammar {
  void operator()(llama_grammar* grammar) const noexcept { llama_grammar_free_impl(grammar); }
};
using OwnedGrammar = std::unique_ptr<llama_grammar, FreeGrammar>;

// llama_grammar_parser::parse() without its complaints on stderr, which quote the grammar. Throws.
void parse_rules(llama_grammar_parser& parser, const std::string& gbnf) {
  const char* at = gbnf.c_str();
  while (*at != '\0') at = parser.parse_rule(at);
}

bool all_defined(const llama_grammar_rules& rules) {
  return std::ranges::all_of(rules, [&](const llama_grammar_rule& rule) {
    return !rule.empty() && std::ranges::all_of(rule, [&](const llama_grammar_element& e) {
      return e.type != LLAMA_GRETYPE_RULE_REF || e.value < rules.size();
    });
  });
}

bool names_tokens(const llama_grammar_rules& rules) {
  return std::ranges::any_of(rules, [](const llama_grammar_rule& rule) {
    return std::ranges::any_of(rule, [](const llama_grammar_element& e) {
      return e.type == LLAMA_GRETYPE_TOKEN || e.type == LLAMA_GRETYPE_TOKEN_NOT;
    });
  });
}

// Whether an element of a rule takes any of the characters `first` to `last`.
bool takes_any(const llama_grammar_element* e, std::uint32_t first, std::uint32_t last) {
  if (e->type == LLAMA_GRETYPE_CHAR_ANY) return true;
  if (e->type == LLAMA_GRETYPE_CHAR_NOT) return true;  // nearly: nobody excludes whole blocks
  do {
    const bool range = e[1].type == LLAMA_GRETYPE_CHAR_RNG_UPPER;
    const std::uint32_t upper = range ? e[1].value : e->value;
    if (e->value <= last && first <= upper) return true;
    e += range ? 2 : 1;
  } while (e->type == LLAMA_GRETYPE_CHAR_ALT);
  return false;
}

}  // namespace

struct GrammarPlace::Impl {
  OwnedGrammar grammar;
  std::string cut;  // the beginning of a character, accepted, but not yet in the grammar
  double allowance = kAllowance;  // left
  double began = 0;               // of the thread's time, the call at hand

  // Reads whole characters off the front of `rest`. False if one is refused.
  bool take_characters(std::string_view& rest) const {
    while (!rest.empty()) {
      const Utf8Character c = first_character(rest);
      if (c.kind == Utf8Character::invalid) return false;
      if (c.kind == Utf8Character::incomplete) return may_become(c);
      if (!take(c.value)) return false;
      rest.remove_prefix(c.length);
    }
    return true;
  }

  // Throws if the grammar leaves too much open to be followed: this answer fails, so that the
  // others go on.
  bool take(std::uint32_t character) const {
    spend();
    llama_grammar_accept(grammar.get(), character);
    const auto& places = grammar->stacks;
    return !places.empty() && places.size() <= kMaxPlaces &&
           std::ranges::all_of(places, [](const auto& p) { return p.size() <= kMaxDepth; });
  }

  void spend() const {
    if (grammar->stacks.size() <= kFewPlaces || thread_seconds() - began <= allowance) return;
    throw std::length_error("too many ways to go on");
  }

  bool may_become(const Utf8Character& c) const {
    return std::ranges::any_of(grammar->stacks, [&](const llama_grammar_stack& place) {
      return !place.empty() && takes_any(place.back(), c.value, c.last);
    });
  }
};

Result<GrammarPlace> GrammarPlace::start_of(const std::string& gbnf) {
  if (gbnf.size() > kMaxText) return fail(Errc::limit, "the grammar of the answer is too large");
  const LlamaGuard guard;
  try {
    llama_grammar_parser parser;
    parse_rules(parser, gbnf);
    std::size_t elements = 0;
    for (const llama_grammar_rule& rule : parser.rules) elements += rule.size();
    if (elements > kMaxElements) {
      return fail(Errc::limit, "the grammar of the answer is too large");
    }
    const auto root = parser.symbol_ids.find("root");
    if (root == parser.symbol_ids.end() || !all_defined(parser.rules) ||
        names_tokens(parser.rules)) {
      return fail(Errc::malformed, "no grammar for such answers");
    }
    auto rules = parser.c_rules();
    auto impl = std::make_unique<Impl>();
    impl->grammar.reset(llama_grammar_init_impl(nullptr, rules.data(), rules.size(), root->second));
    if (impl->grammar == nullptr) return fail(Errc::malformed, "a schema that leads to itself");
    return GrammarPlace(std::move(impl));
  } catch (const std::exception&) {
    // Nearly always repetitions within repetitions: the text was llama.cpp's own.
    return fail(Errc::limit, "the grammar of the answer is too large");
  }
}

GrammarPlace::GrammarPlace(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
GrammarPlace::GrammarPlace(GrammarPlace&&) noexcept = default;
GrammarPlace& GrammarPlace::operator=(GrammarPlace&&) noexcept = default;
GrammarPlace::~GrammarPlace() = default;

GrammarPlace GrammarPlace::clone() const {
  auto impl = std::make_unique<Impl>();
  impl->grammar.reset(llama_grammar_clone_impl(*impl_->grammar));
  impl->cut = impl_->cut;
  return GrammarPlace(std::move(impl));
}

bool GrammarPlace::accept(std::string_view text) {
  impl_->allowance += kAllowancePerToken;
  const Meter meter(impl_->began, impl_->allowance);
  return advance(text);
}

bool GrammarPlace::advance(std::string_view text) {
  const std::string whole = impl_->cut + std::string(text);
  llama_grammar_stacks before = impl_->grammar->stacks;
  std::string_view rest = whole;
  if (!impl_->take_characters(rest)) {
    impl_->grammar->stacks = std::move(before);
    return false;
  }
  impl_->cut = rest;
  return true;
}

bool GrammarPlace::allows(std::string_view text) {
  const Meter meter(impl_->began, impl_->allowance);
  return peek(text);
}

bool GrammarPlace::peek(std::string_view text) {
  const llama_grammar_stacks before = impl_->grammar->stacks;
  std::string cut = impl_->cut;
  const bool allowed = advance(text);
  impl_->grammar->stacks = before;
  impl_->cut = std::move(cut);
  return allowed;
}

bool GrammarPlace::may_end() const {
  return impl_->cut.empty() &&
         std::ranges::any_of(impl_->grammar->stacks, &llama_grammar_stack::empty);
}

bool GrammarPlace::must_end() const {
  return impl_->cut.empty() &&
         std::ranges::all_of(impl_->grammar->stacks, &llama_grammar_stack::empty);
}

// Tokens that begin alike are read once: `path` leads from here through the last text read.
void GrammarPlace::forbid(const TokenTexts& texts, std::span<float> logits) {
  const Meter meter(impl_->began, impl_->allowance);
  struct Stop {
    std::size_t end = 0;  // bytes of the text
    llama_grammar_stacks places;
  };
  const llama_grammar_stacks here = impl_->grammar->stacks;
  std::vector<Stop> path{{.end = 0, .places = here}};
  std::string_view last;
  std::optional<std::string_view> refused;  // whatever begins so
  for (const TokenTexts::Entry& entry : texts.entries()) {
    float& logit = logits[static_cast<std::size_t>(entry.token)];
    const std::string_view text = entry.text;
    bool allowed = !(refused && text.starts_with(*refused));
    if (allowed && !impl_->cut.empty()) {
      allowed = peek(text);
    } else if (allowed) {
      const auto common =
          static_cast<std::size_t>(std::ranges::mismatch(text, last).in1 - text.begin());
      while (path.back().end > common) path.pop_back();
      impl_->grammar->stacks = path.back().places;
      std::size_t at = path.back().end;
      refused.reset();
      while (allowed && at < text.size()) {
        const std::size_t length = first_character(text.substr(at)).length;
        std::string_view character = text.substr(at, length);
        allowed = impl_->take_characters(character);
        if (!allowed) refused = text.substr(0, at + length);
        if (!character.empty()) break;  // refused, or cut off at the end of the token
        at += length;
        path.push_back({.end = at, .places = impl_->grammar->stacks});
      }
      last = text.substr(0, path.back().end);
    }
    if (!allowed) logit = -std::numeric_limits<float>::infinity();
  }
  impl_->grammar->stacks = here;
}

}  // namespace confide::engine

#include "verify/event_log_claims.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "crypto/hash.h"
#include "verify/event_log_replay.h"

namespace confide::verify {
namespace {

using evidence::Event;

Json register_claims(const Rtmrs& registers) {
  Json out = Json::object();
  for (std::size_t i = 0; i < registers.size(); ++i) {
    out[fmt::format("rtmr{}", i)] = to_hex(registers.at(i));
  }
  return out;
}

Json difference_claim(const RegisterDifference& difference) {
  return Json{{"register", fmt::format("rtmr{}", difference.index)},
              {"events", difference.events},
              {"replayed", to_hex(difference.replayed)},
              {"quote", to_hex(difference.quoted)},
              {"hint", difference.hint}};
}

void add_comparison(Json& claims, const std::vector<Event>& log, EventLogForm form,
                    const Rtmrs* registers) {
  if (registers == nullptr) return;
  claims["quote"] = register_claims(*registers);
  claims["match"] = Json::array({true, true, true, true});
  claims["differences"] = Json::array();
  for (const RegisterDifference& difference : find_differences(log, form, *registers)) {
    claims["match"][difference.index] = false;
    claims["differences"].push_back(difference_claim(difference));
  }
}

Json runtime_claim(const Event& event) {
  const evidence::Measurement computed = runtime_event_digest(event);
  const bool listed = event.digest != evidence::Measurement{};
  return Json{{"event", event.name},
              {"payload", to_hex(event.payload)},
              {"version", static_cast<int>(event.version)},
              {"computed_digest", to_hex(computed)},
              {"digest_in_log", listed ? to_hex(event.digest) : ""},
              {"match", !listed || event.digest == computed}};
}

Json event_claim(const evidence::Ccel& log, std::size_t i) {
  const evidence::CcelEvent& event = log.events[i];
  const auto bank =
      std::ranges::find(log.algorithms, evidence::kAlgorithmSha384, &evidence::CcelAlgorithm::id);
  const std::size_t shown =
      bank == log.algorithms.end() ? 0 : static_cast<std::size_t>(bank - log.algorithms.begin());
  return Json{{"n", i},
              {"index", event.index},
              {"type", fmt::format("{:#x}", event.type)},
              {"name", evidence::tcg_event_name(event.type)},
              {"digest", to_hex(event.digests.at(shown))},
              {"data_size", event.data.size()}};
}

}  // namespace

void add_claims(Json& claims, const std::vector<Event>& log, const EventLogReferences& references) {
  claims["events"] = log.size();
  claims["events_per_register"] = Json::object();
  for (unsigned i = 0; i < std::tuple_size_v<Rtmrs>; ++i) {
    claims["events_per_register"][std::to_string(i)] = std::ranges::count(log, i, &Event::imr);
  }
  claims["replayed_with_stored_digests"] = register_claims(replay(log));
  claims["replayed_with_recomputed_runtime_digests"] =
      register_claims(replay(with_computed_digests(log)));
  claims["runtime_events"] = Json::array();
  for (const Event& event : log) {
    if (event.type == evidence::kRuntimeEvent) {
      claims["runtime_events"].push_back(runtime_claim(event));
    }
  }
  add_comparison(claims, log, EventLogForm::dstack, references.registers);
  if (!references.app_compose) return;
  const crypto::Sha256 digest = crypto::sha256(as_bytes(*references.app_compose));
  const auto measured = find_platform_event(log, "compose-hash");
  claims["app_compose_sha256"] = to_hex(digest);
  claims["compose_hash_matches"] = measured && std::ranges::equal(*measured, digest);
}

void add_claims(Json& claims, const evidence::Ccel& log, const EventLogReferences& references) {
  claims["algorithms"] = Json::array();
  for (const evidence::CcelAlgorithm& algorithm : log.algorithms) {
    claims["algorithms"].push_back(fmt::format("{:#x}", algorithm.id));
  }
  claims["events"] = log.events.size();
  claims["events_per_register"] = Json::object();
  for (unsigned i = 0; i <= std::tuple_size_v<Rtmrs>; ++i) {
    claims["events_per_register"][std::to_string(i)] =
        std::ranges::count(log.events, i, &evidence::CcelEvent::index);
  }
  claims["event_list"] = Json::array();
  for (std::size_t i = 0; i < log.events.size(); ++i) {
    claims["event_list"].push_back(event_claim(log, i));
  }
  const auto extending = evidence::rtmr_events(log);
  if (!extending) return;
  claims["replayed"] = register_claims(replay(*extending));
  add_comparison(claims, *extending, EventLogForm::ccel, references.registers);
}

}  // namespace confide::verify

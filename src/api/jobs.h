// From what a caller asks to jobs for an engine.
#pragma once

#include <string>
#include <vector>

#include "api/generation_api.h"
#include "engine/engine.h"

namespace confide::api {

struct PreparedPrompt {
  engine::Job job;
  std::string lead;  // what each answer to it begins with
};

// What an assistant answers to, whether the context has room for it or not. Fails with a 400 that
// names the part that the model does not take.
ApiResult<engine::ChatPrompt> prepare_chat(const engine::Conversation& conversation,
                                           const GenerationApi& api, const engine::Engine& engine);

// One for each prompt. `owner` is the caller's credential, hashed; empty without one. `request` has
// a seed. Fails with a 400 that names the part that the model or its context does not take.
ApiResult<std::vector<PreparedPrompt>> prepare_jobs(const GenerationRequest& request,
                                                    const GenerationApi& api,
                                                    const engine::Engine& engine,
                                                    const std::string& owner);

}  // namespace confide::api

#include "api/generation_api.h"

#include "api/messages.h"
#include "api/openai.h"
#include "api/openai_responses.h"

namespace confide::api {

std::vector<std::unique_ptr<const GenerationApi>> generation_apis() {
  std::vector<std::unique_ptr<const GenerationApi>> out;
  out.push_back(openai_chat_api());
  out.push_back(openai_completions_api());
  out.push_back(messages_api());
  out.push_back(messages_count_api());
  out.push_back(openai_responses_api());
  return out;
}

}  // namespace confide::api

// Whether there is memory for a model, asked before it is taken.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "engine/llama_context.h"
#include "engine/model_file.h"

namespace confide::engine {

// Bytes that running the model takes, besides the file that is in memory already: tensors that are
// laid out anew for this processor, the memory of every sequence, room to compute in. Fails with
// `malformed` if llama.cpp cannot tell, `limit` as LlamaContext::params() does.
Result<std::uint64_t> memory_need(const ModelFile& file, const LlamaContext::Shape& shape);

// Fails as above, and with `unavailable` if the machine, or the part of it that we may use, has not
// so much; the message says how much is needed.
Status check_memory(const ModelFile& file, const LlamaContext::Shape& shape);

}  // namespace confide::engine

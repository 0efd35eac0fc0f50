// include/llava/encode.h: the language model as a function.
#include <c10/core/InferenceMode.h>
#include <llava/encode.h>

#include "adapter_choice.hpp"
#include "arguments.hpp"
#include "options_calls.hpp"

using namespace llava::capi;
using llava::core::Bundle;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;

namespace {

at::Tensor run(const Bundle& bundle, const RawPrompt& prompt, const llava_forward_options& settings,
               const llava::core::Cancel& cancel) {
  const auto& language = bundle.model->language();
  std::vector<at::Tensor> rows;
  for (const auto& embedding : prompt.embeddings) rows.push_back(embedding->rows_PD);
  const auto embeds_LD = bundle.model->embed(prompt.ids, rows);
  auto cache = language.new_cache(prompt.rows);
  auto hidden_LD = language.forward(embeds_LD, cache, cancel);
  if (settings.last_only) hidden_LD = hidden_LD.narrow(0, hidden_LD.size(0) - 1, 1);
  return settings.output == LLAVA_FORWARD_HIDDEN ? hidden_LD : language.logits(hidden_LD);
}

}  // namespace

LLAVA_OPTIONS(forward)

llava_status llava_forward(llava_model* model, const int32_t* ids, int64_t id_count,
                           const llava_embedding* const* embeddings, int32_t embedding_count,
                           const llava_forward_options* options, llava_tensor** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    const c10::InferenceMode no_gradients;
    required(out, "out");
    const auto object = get(model, "model");
    const auto settings = read_options(options);
    const auto chosen = chosen_bundle(*object, settings.adapter, settings.adapter_scale);
    const auto& bundle = *chosen;
    const CancelUse use(settings.cancel);
    const auto prompt = raw_prompt(bundle, ids, id_count, embeddings, embedding_count);
    if (prompt.rows > bundle.context)
      throw Error(Status::context_full,
                  cat("the ids take ", prompt.rows, " positions, the context has ", bundle.context))
          .with("needed", prompt.rows)
          .with("limit", bundle.context);
    use.cancel().poll("forward");
    check_unchanged(bundle);
    *out = new_tensor(run(bundle, prompt, settings, use.cancel()));
  });
}

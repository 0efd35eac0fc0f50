// One answer, event by event: encode pictures, prefill, then token after token. The session changes only at the end.
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <deque>
#include <exception>

#include "base/error.hpp"
#include "generate/generation_state.hpp"
#include "text/prompt.hpp"

namespace llava::core {
namespace {

double milliseconds_since(int64_t start_ns) { return static_cast<double>(now_ns() - start_ns) * 1e-6; }

bool contains(const auto& ids, int64_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

void check_options(const ChatOptions& options, int64_t vocabulary) {
  if (options.max_tokens == 0 || options.max_tokens < -1)
    throw Error(Status::argument,
                cat("max_tokens is ", options.max_tokens, ", expected at least 1, or -1 for no limit"));
  if (options.min_tokens < 0 || (options.max_tokens > 0 && options.min_tokens > options.max_tokens))
    throw Error(Status::argument, cat("min_tokens is ", options.min_tokens, ", max_tokens ", options.max_tokens,
                                      ", expected 0 <= min_tokens <= max_tokens"));
  if (options.top_logprobs < -1 || options.top_logprobs > limits::kTopLogprobs)
    throw Error(options.top_logprobs < -1 ? Status::argument : Status::limit,
                cat("logprobs is ", options.top_logprobs, ", expected -1 … ", limits::kTopLogprobs));
  if (options.timeout_ms < -1)
    throw Error(Status::argument, cat("timeout_ms is ", options.timeout_ms, ", expected -1 (none) or more"));
  for (const auto id : options.stop_ids)
    if (id < 0 || id >= vocabulary)
      throw Error(Status::argument, cat("stop_ids: token id ", id, " is outside the vocabulary of ", vocabulary));
}

std::vector<std::string> all_stops(const ChatOptions& options, const Template& format) {
  auto stops = options.stop_strings;
  if (!options.ignore_eos) stops.insert(stops.end(), format.stops.begin(), format.stops.end());
  return stops;
}

// The model's end marks, and those of the template that the tokenizer has as one token: they never become text.
std::vector<int64_t> all_end_marks(const ChatOptions& options, const Bundle& bundle, const Template& format) {
  if (options.ignore_eos) return {};
  auto ids = bundle.defaults.eos;
  for (const auto id : stop_ids(*bundle.tokenizer, format))
    if (id >= 0 && !contains(ids, id)) ids.push_back(id);
  return ids;
}

}  // namespace

ChatOptions default_chat_options(const Bundle& bundle) {
  ChatOptions options;
  options.sampling.temperature = bundle.defaults.temperature;
  options.sampling.top_p = bundle.defaults.top_p;
  options.sampling.top_k = bundle.defaults.top_k;
  options.sampling.repetition_penalty = bundle.defaults.repetition_penalty;
  options.max_tokens = bundle.defaults.max_tokens;
  return options;
}

const char* finish_reason_name(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::length:
      return "length";
    case FinishReason::context:
      return "context";
    case FinishReason::cancelled:
      return "cancelled";
    case FinishReason::timeout:
      return "timeout";
  }
  return "?";
}

Generation::State::State(std::shared_ptr<Session> owner, Session::Data& shared, SessionLock lock,
                         std::optional<Turn> added, const ChatOptions& chosen)
    : session(std::move(owner)),
      data(shared),
      held(std::move(lock)),
      options(chosen),
      cancel(chosen.cancel, deadline_after_ms(chosen.timeout_ms)),
      turns(shared.turns),
      end_marks(all_end_marks(chosen, *shared.bundle, *shared.format)),
      sampler(chosen.sampling, shared.bundle->config.language.vocabulary),
      stops(all_stops(chosen, *shared.format), chosen.include_stop),
      detokenizer(shared.bundle->tokenizer) {
  check_options(options, data.bundle->config.language.vocabulary);
  if (added) {
    data.check_turn(*added);
    turns.push_back(std::move(*added));
  }
  if (turns.empty()) throw Error(Status::state, "there is nothing to answer: no turn was given or appended");
  data.check_images(turns);
  response.seed = sampler.seed();
  for (const auto& turn : turns)
    for (const auto& part : turn.parts) pictures += must_encode(part);
}

// A picture, or rows that the present adapter makes other numbers of.
bool Generation::State::must_encode(const TurnPart& part) const {
  return part.kind == TurnPart::Kind::picture || (part.embedding && data.is_stale(*part.embedding));
}

// Prepares the next picture, or encodes the one that is prepared; false when there is none left.
bool Generation::State::encode_step() {
  for (auto& turn : turns)
    for (auto& part : turn.parts) {
      if (!must_encode(part)) continue;
      const bool fresh = part.kind == TurnPart::Kind::picture;
      const auto hash = fresh ? part.picture->hash(cancel) : part.embedding->picture;
      auto made =
          prepared.pixels_N3SS.defined() ? data.encode(hash, prepared, cancel, response.usage) : data.known(hash);
      if (!made) {
        prepared = fresh ? data.prepare(*part.picture, cancel, response.usage) : part.embedding->source;
        return true;
      }
      prepared = {};
      part.embedding = std::move(made);
      part.kind = TurnPart::Kind::embedding;
      part.picture.reset();
      ready.push_back({Event::Kind::image_encoded,
                       {},
                       -1,
                       0,
                       static_cast<double>(encoded + 1) / static_cast<double>(pictures),
                       encoded});
      ++encoded;
      return true;
    }
  return false;
}

void Generation::State::begin_prefill() {
  const int64_t begin = now_ns();
  auto slots = build_slots(*data.bundle, *data.format, data.options.system, turns, /*open=*/true);
  data.check_room(slots, std::max<int64_t>(options.min_tokens, 1));
  for (const auto& slot : slots) {
    if (slot.image)
      response.usage.image_tokens += slot.rows();
    else
      history.push_back(static_cast<int32_t>(slot.id));
  }
  response.usage.prompt_tokens = count_rows(slots, 0, slots.size());
  response.usage.prompt_ms = milliseconds_since(begin);
  prefill = std::make_unique<Prefill>(data, std::move(slots));
  response.usage.cached_tokens = prefill->cached_rows();
}

void Generation::State::prefill_step() {
  const int64_t begin = now_ns();
  prefill->step(cancel);
  response.usage.prefill_ms += milliseconds_since(begin);
  ready.push_back({Event::Kind::prefill, {}, -1, 0, prefill->progress(), 0});
  if (prefill->done()) hidden_1D = prefill->last_hidden();
}

// Feeds the last drawn id; its hidden row gives the next token.
void Generation::State::feed_last() {
  const int64_t id = response.ids.back();
  const auto& model = *data.bundle->model;
  hidden_1D = model.language().forward(model.embed(std::span(&id, 1), {}), data.cache, cancel);
  data.cached.push_back({id, nullptr});
  ++data.counters.tokens_computed;
}

Draw Generation::State::draw() {
  auto logits_1V = data.bundle->model->language().logits(hidden_1D).to(at::kCPU).contiguous();
  std::span<float> logits(logits_1V.mutable_data_ptr<float>(), static_cast<size_t>(logits_1V.numel()));
  const bool may_end = static_cast<int64_t>(response.ids.size()) >= options.min_tokens;
  const std::span<const int64_t> not_yet = may_end ? std::span<const int64_t>() : end_marks;
  return sampler.draw(logits, history, options.top_logprobs, not_yet);
}

bool Generation::State::ends_answer(int32_t id) const {
  return contains(options.stop_ids, id) || contains(end_marks, id);
}

void Generation::State::token_step() {
  cancel.poll("decode");
  if (!response.ids.empty()) feed_last();
  auto drawn = draw();
  response.ids.push_back(drawn.id);
  history.push_back(drawn.id);
  auto& usage = response.usage;
  usage.total_ms = worked_ms();
  if (response.ids.size() == 1) usage.first_token_ms = usage.total_ms;
  usage.decode_ms = usage.total_ms - usage.first_token_ms;
  Event event = {Event::Kind::token, {}, drawn.id, drawn.logprob, 0, static_cast<int64_t>(response.ids.size()) - 1};
  last_logprob = drawn.logprob;
  if (options.top_logprobs >= 0) response.logprobs.push_back(std::move(drawn));
  const auto count = static_cast<int64_t>(response.ids.size());
  if (ends_answer(event.id)) {
    end(FinishReason::stop);
  } else {
    // rows a converter added beyond the tokenizer have no text
    if (event.id < data.bundle->tokenizer->size()) event.text = stops.push(detokenizer.push(event.id));
    if (stops.stopped())
      end(FinishReason::stop_string);
    else if (options.max_tokens > 0 && count >= options.max_tokens)
      end(FinishReason::length);
    else if (data.cache.length() + 1 >= data.context)
      end(FinishReason::context);
  }
  if (finished && !stops.stopped()) event.text += stops.push(detokenizer.flush()) + stops.flush();
  if (!event.text.empty()) event.kind = Event::Kind::text;
  response.text += event.text;
  ready.push_back(std::move(event));
}

void Generation::State::end(FinishReason reason) {
  finished = true;
  response.reason = reason;
}

// The turn and its answer become the session's; nothing here can fail once the new list stands.
void Generation::State::commit() {
  if (prefill && !prefill->done()) data.keep_cached(prefill->kept());  // ended before the prompt was read
  data.check_cache();
  Turn answer;
  answer.role = Role::assistant;
  TurnPart words;
  words.text = response.text;
  answer.parts.push_back(std::move(words));
  turns.push_back(std::move(answer));
  data.turns.swap(turns);
  data.update_counters();
  response.usage.completion_tokens = static_cast<int64_t>(response.ids.size());
  committed = true;
  held.release();
}

void Generation::State::roll_back() noexcept {
  if (committed || !held.holds()) return;
  if (prefill) data.keep_cached(prefill->kept());
  held.release();
}

// A cancel that shall keep what was said: turns the error into an ending. False: the error stands.
bool Generation::State::keep_partial(const Error& error) {
  const bool stopped = error.status() == Status::cancelled || error.status() == Status::timeout;
  if (!stopped || !options.keep_on_cancel || response.ids.empty()) return false;
  end(error.status() == Status::cancelled ? FinishReason::cancelled : FinishReason::timeout);
  flush_text();
  return true;
}

void Generation::State::flush_text() {
  const auto rest = stops.stopped() ? std::string() : stops.push(detokenizer.flush()) + stops.flush();
  response.text += rest;
  if (!rest.empty())
    ready.push_back(
        {Event::Kind::text, rest, response.ids.back(), last_logprob, 0, static_cast<int64_t>(response.ids.size()) - 1});
}

void Generation::State::work() {
  const c10::InferenceMode no_gradients;
  if (finished) {
    ready.push_back({Event::Kind::done, {}, -1, 0, 1, 0});
    if (options.commit_at_done) commit();
    told_done = true;
    return;
  }
  try {
    cancel.poll("chat");
    if (!prefill && encode_step()) return;
    if (!prefill) return begin_prefill();
    if (!prefill->done()) return prefill_step();
    token_step();
  } catch (const Error& error) {
    if (!keep_partial(error)) throw;
  }
}

Generation::Generation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Generation::~Generation() { state_->roll_back(); }

template <typename Work>
void Generation::State::guarded(Work&& work) {
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
    roll_back();
    throw;
  }
}

bool Generation::step() {
  auto& state = *state_;
  if (state.failure) std::rethrow_exception(state.failure);
  if (!state.ready.empty() || state.told_done) return true;
  state.piece_begin_ns = now_ns();
  state.guarded([&] { state.work(); });
  state.worked_ns += now_ns() - state.piece_begin_ns;
  return !state.ready.empty();
}

std::optional<Event> Generation::next() {
  while (!step()) {
  }
  auto& state = *state_;
  if (state.ready.empty()) return std::nullopt;
  auto event = std::move(state.ready.front());
  state.ready.pop_front();
  return event;
}

Response Generation::finish() {
  while (next()) {
  }
  auto& state = *state_;
  if (!state.committed) state.guarded([&] { state.commit(); });
  return state.response;
}

void Generation::stop() {
  auto& state = *state_;
  if (state.finished || state.failure) return;
  state.end(FinishReason::cancelled);
  state.flush_text();
}

int64_t Generation::tokens() const { return static_cast<int64_t>(state_->response.ids.size()); }

}  // namespace llava::core

// Sessions: turns, locks, and what may be done between two answers.
#include "generate/session.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "generate/generation_state.hpp"

namespace llava::core {
namespace {

constexpr size_t kEncodedPictures = 16;  // kept for pictures that come back, e.g. when an answer is made anew

int64_t chosen_context(const Bundle& bundle, int64_t wanted) {
  if (wanted < 0 || wanted > bundle.context)
    throw Error(Status::argument,
                cat("max_context is ", wanted, ", the model allows 1 … ", bundle.context, " (0 = all)"));
  return wanted == 0 ? bundle.context : wanted;
}

using Holder = Session::Data::Holder;

// Readers are gone in a moment, operations are not waited for.
void hold(std::atomic<Holder>& holder, Holder as) {
  for (auto found = Holder::nobody; !holder.compare_exchange_weak(found, as); found = Holder::nobody) {
    if (found == Holder::operation)
      throw Error(Status::busy, "the session is in use by another call or an open stream");
    std::this_thread::yield();
  }
}

}  // namespace

SessionReading::SessionReading(Session::Data& data) : data_(data) { hold(data.holder, Holder::reader); }

SessionLock::SessionLock(Session::Data& data, std::shared_ptr<const Bundle> chosen) : holder_(nullptr) {
  hold(data.holder, Holder::operation);
  holder_ = &data.holder;
  try {
    data.check_cache();
    data.use(std::move(chosen));
  } catch (...) {
    release();
    throw;
  }
}

Session::Data::Data(std::shared_ptr<const Bundle> owner, const SessionOptions& chosen)
    : bundle(std::move(owner)),
      options(chosen),
      format(chosen.template_name.empty() ? bundle->chat_template : &find_template(chosen.template_name)),
      context(chosen_context(*bundle, chosen.max_context)),
      cache(bundle->model->language().new_cache(context)) {}

void Session::Data::use(std::shared_ptr<const Bundle> chosen) {
  auto next = chosen ? std::move(chosen) : options.current ? options.current() : bundle;
  if (next->fingerprint != bundle->fingerprint)
    throw Error(Status::argument, cat("the session's model is ", bundle->fingerprint,
                                      ", the one chosen for the call is ", next->fingerprint));
  bundle = std::move(next);
}

void Session::Data::check_images(const std::vector<Turn>& list) const {
  const auto check = [&](const ImageEmbedding& image, bool can_be_made) {
    if (is_stale(image) && !can_be_made)
      throw Error(Status::argument, cat("an embedding of the conversation was made by the model ", image.fingerprint,
                                        ", with the adapter of this call it is ", bundle->image_fingerprint));
  };
  for (const auto& turn : list)
    for (const auto& part : turn.parts) {
      if (part.embedding) check(*part.embedding, part.embedding->source.pixels_N3SS.defined());
      for (const auto& image : part.embeddings) check(*image, false);
    }
}

std::shared_ptr<const ImageEmbedding> Session::Data::known(const std::string& hash) {
  const auto found = std::find_if(encoded.begin(), encoded.end(),
                                  [&](const auto& one) { return one->picture == hash && !is_stale(*one); });
  if (found == encoded.end()) return nullptr;
  ++counters.image_hits;
  std::rotate(found, found + 1, encoded.end());
  return encoded.back();
}

PreparedPicture Session::Data::prepare(const HashedPicture& picture, const Cancel& cancel, Usage& usage) const {
  const int64_t begin = now_ns();
  auto pixels_N3SS = picture_pixels(*bundle, {&picture}, cancel);
  usage.preprocess_ms += static_cast<double>(now_ns() - begin) * 1e-6;
  return {std::move(pixels_N3SS), picture.width, picture.height};
}

std::shared_ptr<const ImageEmbedding> Session::Data::encode(const std::string& hash, const PreparedPicture& source,
                                                            const Cancel& cancel, Usage& usage) {
  const int64_t begin = now_ns();
  auto rows_PD = join_tiles(*bundle, source.width, source.height, encode_pixels(*bundle, source.pixels_N3SS, cancel),
                            /*projected=*/true);
  auto made = std::make_shared<const ImageEmbedding>(
      ImageEmbedding{std::move(rows_PD), hash, bundle->image_fingerprint, source});
  usage.encode_ms += static_cast<double>(now_ns() - begin) * 1e-6;
  encoded.push_back(made);
  if (encoded.size() > kEncodedPictures) encoded.erase(encoded.begin());
  ++counters.images_encoded;
  update_counters();
  return made;
}

void Session::Data::encode_all(std::vector<Turn>& list, const Cancel& cancel, bool again) {
  const c10::InferenceMode no_gradients;
  Usage unused;
  for (auto& turn : list)
    for (auto& part : turn.parts) {
      const bool fresh = part.kind == TurnPart::Kind::picture;
      if (!fresh && !(again && part.embedding && is_stale(*part.embedding))) continue;
      const auto hash = fresh ? part.picture->hash(cancel) : part.embedding->picture;
      auto made = known(hash);
      if (!made)
        made = encode(hash, fresh ? prepare(*part.picture, cancel, unused) : part.embedding->source, cancel, unused);
      part.embedding = std::move(made);
      part.kind = TurnPart::Kind::embedding;
      part.picture.reset();
    }
}

std::vector<Slot> Session::Data::slots_of(std::vector<Turn>& list, const Cancel& cancel) {
  encode_all(list, cancel);
  return build_slots(*bundle, *format, options.system, list, /*open=*/false);
}

void Session::Data::check_turn(const Turn& turn) const {
  if (turn.parts.empty()) throw Error(Status::argument, "the message has no parts");
  if (static_cast<int64_t>(turn.parts.size()) > limits::kPartsPerMessage)
    throw Error(Status::limit,
                cat("the message has ", turn.parts.size(), " parts, at most ", limits::kPartsPerMessage));
  int64_t images = 0;
  for (const auto& part : turn.parts) {
    images += part.kind == TurnPart::Kind::picture || part.kind == TurnPart::Kind::embedding;
    if (part.kind == TurnPart::Kind::ids) check_raw_ids(*bundle, part.ids, part.embeddings.size());
  }
  if (images > limits::kImagesPerMessage)
    throw Error(Status::limit, cat("the message has ", images, " images, at most ", limits::kImagesPerMessage));
}

void Session::Data::check_room(const std::vector<Slot>& slots, int64_t answer) const {
  const int64_t rows = count_rows(slots, 0, slots.size());
  if (rows + answer <= context) return;
  int64_t image_rows = 0;
  for (const auto& slot : slots) image_rows += slot.image ? slot.rows() : 0;
  throw Error(Status::context_full, cat("the conversation needs ", rows, " tokens (", image_rows, " of pictures) and ",
                                        answer, " for the answer, the context holds ", context))
      .with("needed", rows + answer)
      .with("limit", context)
      .with("image_tokens", image_rows);
}

void Session::Data::check_beginning() const {
  const bool has_place = format->style != TemplateStyle::plain && format->style != TemplateStyle::none;
  if (!has_place && options.system && !options.system->empty())
    throw Error(Status::unsupported, cat("the template ", format->key, " has no place for a system text (",
                                         options.system->size(), " bytes were given)"));
  Turn empty;  // some templates put the system text into the first turn
  empty.parts.emplace_back();
  check_room(build_slots(*bundle, *format, options.system, {empty}, /*open=*/false), 1);
}

void Session::Data::keep_cached(size_t slots) noexcept {
  cached.resize(std::min(slots, cached.size()));
  cache.truncate(count_rows(cached, 0, cached.size()));
  update_counters();
}

void Session::Data::check_cache() const {
  const int64_t rows = count_rows(cached, 0, cached.size());
  if (cache.length() != rows)
    throw Error(Status::internal,
                cat("the key-value cache holds ", cache.length(), " rows, the prompt it belongs to has ", rows));
}

void Session::Data::update_counters() noexcept {
  int64_t bytes = cache.size_bytes();
  for (const auto& image : encoded)
    bytes += static_cast<int64_t>(image->rows_PD.nbytes()) +
             (image->source.pixels_N3SS.defined() ? static_cast<int64_t>(image->source.pixels_N3SS.nbytes()) : 0);
  counters.turns = static_cast<int64_t>(turns.size());
  counters.tokens_held = cache.length();
  counters.cache_bytes = bytes;
}

Session::Session(std::unique_ptr<Data> data) : data_(std::move(data)) {}
Session::~Session() = default;

std::shared_ptr<Session> Session::create(std::shared_ptr<const Bundle> bundle, const SessionOptions& options) {
  auto data = std::make_unique<Data>(std::move(bundle), options);
  data->check_beginning();
  return std::shared_ptr<Session>(new Session(std::move(data)));
}

std::unique_ptr<Generation> Session::start(std::optional<Turn> turn, const ChatOptions& options) {
  SessionLock lock(*data_, options.model);
  check_unchanged(*data_->bundle);
  if (turn && turn->role != Role::user) throw Error(Status::argument, "only a message of role user can be answered");
  auto state =
      std::make_unique<Generation::State>(shared_from_this(), *data_, std::move(lock), std::move(turn), options);
  return std::unique_ptr<Generation>(new Generation(std::move(state)));
}

void Session::append(Turn turn, const CancelToken* token, int64_t timeout_ms) {
  const c10::InferenceMode no_gradients;
  const SessionLock lock(*data_);
  const Cancel cancel(token, deadline_after_ms(timeout_ms));
  cancel.poll("append");
  check_unchanged(*data_->bundle);
  data_->check_turn(turn);
  auto turns = data_->turns;
  turns.push_back(std::move(turn));
  data_->check_images(turns);
  data_->encode_all(turns, cancel, /*again=*/true);
  auto slots = data_->slots_of(turns, cancel);
  data_->check_room(slots, 0);
  Prefill prefill(*data_, std::move(slots));
  while (!prefill.done()) prefill.step(cancel);
  data_->check_cache();
  data_->turns.swap(turns);
  data_->update_counters();
}

void Session::reset() {
  const SessionLock lock(*data_);
  data_->turns.clear();
  data_->keep_cached(0);
  data_->update_counters();
}

void Session::set_turns(std::vector<Turn> turns) {
  const SessionLock lock(*data_);
  for (const auto& turn : turns) data_->check_turn(turn);
  data_->check_images(turns);
  data_->turns.swap(turns);
  data_->update_counters();
}

void Session::rewind(int64_t turns) {
  const SessionLock lock(*data_);
  const auto count = static_cast<int64_t>(data_->turns.size());
  if (turns < 0 || turns > count)
    throw Error(Status::argument, cat("rewind to ", turns, " turns: the session has ", count)).with("turns", count);
  data_->turns.resize(static_cast<size_t>(turns));
  data_->update_counters();
}

std::shared_ptr<Session> Session::fork() const {
  const c10::InferenceMode no_gradients;
  const SessionLock lock(*data_);
  auto copy = std::make_unique<Data>(data_->bundle, data_->options);
  copy->turns = data_->turns;
  copy->encoded = data_->encoded;
  copy->cache = data_->cache.fork();
  copy->cached = data_->cached;
  copy->cached_variant = data_->cached_variant;
  copy->update_counters();
  return std::shared_ptr<Session>(new Session(std::move(copy)));
}

int64_t Session::turn_count() const {
  const SessionReading reading(*data_);
  return static_cast<int64_t>(data_->turns.size());
}

Turn Session::turn(int64_t index) const {
  const SessionReading reading(*data_);
  const auto count = static_cast<int64_t>(data_->turns.size());
  if (index < 0 || index >= count)
    throw Error(Status::argument, cat("turn ", index, ": the session has ", count, " turns")).with("turns", count);
  return data_->turns[static_cast<size_t>(index)];
}

int64_t Session::used_tokens() const {
  const SessionLock lock(*data_);
  if (data_->turns.empty()) return 0;
  const auto slots = data_->slots_of(data_->turns, {});
  return count_rows(slots, 0, slots.size());
}

int64_t Session::context() const { return data_->context; }

SessionStats Session::stats() const noexcept {
  const auto& counters = data_->counters;
  return {counters.turns,          counters.tokens_held, counters.tokens_computed,
          counters.images_encoded, counters.image_hits,  counters.cache_bytes};
}

std::vector<int64_t> Session::prompt_ids() const {
  const SessionLock lock(*data_);
  std::vector<int64_t> ids;
  for (const auto& slot : data_->slots_of(data_->turns, {})) ids.push_back(slot.id);
  return ids;
}

}  // namespace llava::core

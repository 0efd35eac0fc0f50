// Sessions whose calls choose adapters: nothing that was computed with one is taken for another's.
#include <ATen/ops/equal.h>

#include <map>

#include "checkpoint/adapter.hpp"
#include "generate/support.hpp"
#include "weights/safetensors.hpp"

using namespace llava::core;

namespace {

// Folders of adapters for the tiny model: "words" changes the language model, "eyes" the projector.
class Folders {
 public:
  Folders() {
    std::map<std::string, std::vector<int64_t>> words, eyes;
    for (int layer = 0; layer < 3; ++layer) {
      const auto path = cat("base_model.model.language_model.model.layers.", layer, ".self_attn.o_proj.");
      words[path + "lora_A.weight"] = {2, 36};
      words[path + "lora_B.weight"] = {36, 2};
    }
    eyes["base_model.model.multi_modal_projector.linear_1.weight"] = {36, 30};
    write("words", words);
    write("eyes", eyes);
  }
  std::string operator()(const std::string& name) const { return folder_ / name; }

 private:
  void write(const std::string& name, const std::map<std::string, std::vector<int64_t>>& tensors) {
    std::filesystem::create_directory(folder_ / name);
    folder_.write(name + "/adapter_config.json", R"({"r": 2, "lora_alpha": 4, "target_modules": ["o_proj"]})");
    std::vector<std::vector<float>> numbers;
    std::vector<TensorView> views;
    uint32_t state = 1;
    for (const auto& [tensor, shape] : tensors) {
      auto& values = numbers.emplace_back(static_cast<size_t>(shape[0] * shape[1]));
      for (auto& value : values)
        value = static_cast<float>((state = state * 1664525 + 1013904223) >> 8) / 1.6e7f - 0.5f;
    }
    size_t i = 0;
    for (const auto& [tensor, shape] : tensors) {
      auto& view = views.emplace_back();
      view.name = tensor;
      view.shape = shape;
      view.data = reinterpret_cast<const std::byte*>(numbers[i].data());
      view.size_bytes = numbers[i++].size() * sizeof(float);
    }
    write_safetensors(folder_ / (name + "/adapter_model.safetensors"), views);
  }

  TemporaryFolder folder_;
};

std::shared_ptr<const Bundle> with(const std::string& name) {
  static const Folders folders;
  return with_adapter(tiny(), load_adapter(*tiny(), folders(name), {}), 1);
}

ChatOptions greedy_with(std::shared_ptr<const Bundle> model) {
  auto options = greedy();
  options.model = std::move(model);
  options.ignore_eos = true;
  return options;
}

// What a session that has always used `model` answers to `last` after the turns of `past`.
std::vector<int32_t> afresh(const Session& past, int64_t turns, Turn last, const std::shared_ptr<const Bundle>& model,
                            const Turn& first) {
  const auto session = Session::create(tiny(), {});
  std::vector<Turn> list = {first};
  for (int64_t i = 1; i < turns; ++i) list.push_back(past.turn(i));
  session->set_turns(std::move(list));
  return ask(*session, std::move(last), greedy_with(model)).ids;
}

}  // namespace

TEST_SUITE("generate/adapter") {
  TEST_CASE("keys and values of one adapter are not read by a call with another") {
    const auto words = with("words");
    const auto session = Session::create(tiny(), {});
    const auto first = question("one two three");
    ask(*session, first, greedy_with(tiny()));
    const auto other = ask(*session, question("four"), greedy_with(words));
    CHECK(other.usage.cached_tokens == 0);
    CHECK(other.ids == afresh(*session, 2, question("four"), words, first));
    CHECK(other.ids != afresh(*session, 2, question("four"), tiny(), first));
    const auto again = ask(*session, question("five"), greedy_with(words));
    CHECK(again.usage.cached_tokens > 0);
    const auto back = ask(*session, question("six"), greedy_with(tiny()));
    CHECK(back.usage.cached_tokens == 0);
    CHECK(back.ids == afresh(*session, 6, question("six"), tiny(), first));
    const auto copy = session->fork();
    CHECK(ask(*copy, question("seven"), greedy_with(words)).usage.cached_tokens == 0);
    CHECK(ask(*session, question("seven"), greedy_with(tiny())).usage.cached_tokens > 0);
  }

  TEST_CASE("pictures are encoded again for another projector, and found again for the first") {
    const auto eyes = with("eyes");
    const auto session = Session::create(tiny(), {});
    const auto first = question("what is this?", picture("wide.jpg"));
    ask(*session, first, greedy_with(tiny()));
    CHECK(session->stats().images_encoded == 1);
    const auto other = ask(*session, question("four"), greedy_with(eyes));
    CHECK(session->stats().images_encoded == 2);
    CHECK(other.ids == afresh(*session, 2, question("four"), eyes, first));
    const auto back = ask(*session, question("six"), greedy_with(tiny()));
    CHECK(session->stats().images_encoded == 2);
    CHECK(back.ids == afresh(*session, 4, question("six"), tiny(), first));
    ask(*session, question("words"), greedy_with(with("words")));  // does not change pictures
    CHECK(session->stats().images_encoded == 2);
  }

  TEST_CASE("append, and a picture that waits, use the adapter of the moment") {
    auto now = tiny();
    SessionOptions options;
    options.current = [&] { return now; };
    const auto session = Session::create(tiny(), options);
    const auto first = question("what is this?", picture("wide.jpg"));
    session->append(first, nullptr, -1);
    now = with("eyes");
    session->append(question("and this?"), nullptr, -1);
    CHECK(session->stats().images_encoded == 2);
    const auto answer = session->start(std::nullopt, greedy_with(nullptr))->finish();
    CHECK(answer.usage.cached_tokens > 0);
    CHECK(answer.ids == afresh(*session, 1, question("and this?"), now, first));
  }

  TEST_CASE("rows that came as numbers are refused under another projector; the session stays as it was") {
    const auto eyes = with("eyes");
    const auto rows = encode_pictures(*tiny(), {picture("wide.jpg").get()}, {}).at(0);
    Turn turn = question("what is this?");
    turn.parts.insert(turn.parts.begin(), TurnPart());
    turn.parts[0].kind = TurnPart::Kind::embedding;
    turn.parts[0].embedding = std::make_shared<const ImageEmbedding>(rows);
    const auto session = Session::create(tiny(), {});
    CHECK(error_of([&] { ask(*session, turn, greedy_with(eyes)); }).status() == Status::argument);
    const auto before = ask(*session, turn, greedy_with(with("words")));
    const auto error = error_of([&] { ask(*session, question("four"), greedy_with(eyes)); });
    CHECK(error.status() == Status::argument);
    CHECK(error.message().find(eyes->image_fingerprint) != std::string::npos);
    CHECK(session->turn_count() == 2);
    CHECK(ask(*session, question("four"), greedy_with(with("words"))).usage.cached_tokens > 0);
  }

  TEST_CASE("a saved session remembers which projector made its rows") {
    const auto eyes = with("eyes");
    const TemporaryFolder folder;
    const auto session = Session::create(tiny(), {});
    ask(*session, question("what is this?", picture("wide.jpg")), greedy_with(eyes));
    session->save(folder / "s");
    const auto expected = ask(*session, question("four"), greedy_with(eyes)).ids;
    const auto loaded = Session::load(tiny(), folder / "s");
    CHECK(error_of([&] { ask(*loaded, question("four"), greedy_with(tiny())); }).status() == Status::argument);
    CHECK(ask(*loaded, question("four"), greedy_with(eyes)).ids == expected);
  }

  TEST_CASE("a stream goes on with the adapter it began with; a model of another kind is refused") {
    auto now = tiny();
    SessionOptions options;
    options.current = [&] { return now; };
    const auto session = Session::create(tiny(), options);
    const auto alone = Session::create(tiny(), {});
    const auto expected = ask(*alone, question("one two three"), greedy_with(tiny())).ids;
    auto generation = session->start(question("one two three"), greedy_with(nullptr));
    while (generation->tokens() < 2) generation->next();
    now = with("words");
    CHECK(generation->finish().ids == expected);
    generation.reset();
    const Variant other("config.json", "\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 1e-06");
    CHECK(error_of([&] { ask(*session, question("x"), greedy_with(other.load())); }).status() == Status::argument);
    CHECK(session->turn_count() == 2);
  }
}

// LoRA adapters through the C ABI: attached, chosen call by call, merged, misused.
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <llava/llava.hpp>
#include <thread>

#include "fixture.hpp"

namespace {

std::vector<float> logits_of(llava_model* model, const llava_forward_options* options = nullptr) {
  Owned<llava_tensor> tensor;
  REQUIRE(llava_forward(model, fixture().ids, 3, nullptr, 0, options, tensor.out()) == LLAVA_OK);
  Sized<llava_tensor_desc> desc;
  REQUIRE(llava_tensor_info(tensor, desc.get()) == LLAVA_OK);
  std::vector<float> numbers(static_cast<size_t>(desc->element_count));
  size_t needed = 0;
  REQUIRE(llava_tensor_copy_to_host(tensor, numbers.data(), numbers.size() * sizeof(float), &needed) == LLAVA_OK);
  return numbers;
}

std::vector<float> logits_with(llava_model* model, const char* adapter, float scale = 1) {
  auto options = defaults<llava_forward_options>();
  options.adapter = adapter;
  options.adapter_scale = scale;
  return logits_of(model, &options);
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double far = 0, most = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    far = std::max(far, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    most = std::max(most, std::abs(static_cast<double>(b[i])));
  }
  return far / most;
}

llava_status load_adapter(llava_model* model, const std::string& path, const char* name, llava_adapter** out) {
  auto options = defaults<llava_adapter_options>();
  options.name = name;
  return llava_adapter_load(model, path.c_str(), &options, out);
}

std::string words_of(llava_session* session, const char* adapter) {
  auto options = short_chat(6);
  options.adapter = adapter;
  Owned<llava_message> message(fixture().fresh(fixture().message));
  Owned<llava_response> response;
  REQUIRE(llava_chat(session, message, &options, response.out()) == LLAVA_OK);
  return llava_response_text(response, 0);
}

}  // namespace

TEST_SUITE("capi/adapter") {
  TEST_CASE("attached at a scale, chosen by name, and detached bit for bit") {
    auto& f = fixture();
    Owned<llava_model> model;
    REQUIRE(llava_load(f.model_path.c_str(), nullptr, model.out()) == LLAVA_OK);
    const auto before = logits_of(model);
    Owned<llava_adapter> a, b, c;
    REQUIRE(load_adapter(model, f.adapter_path, "a", a.out()) == LLAVA_OK);
    REQUIRE(load_adapter(model, f.adapter_path, "b", b.out()) == LLAVA_OK);
    REQUIRE(load_adapter(model, f.adapter_path, nullptr, c.out()) == LLAVA_OK);
    CHECK(logits_of(model) == before);  // loading attaches nothing
    REQUIRE(llava_adapter_attach(model, a, 0.5f) == LLAVA_OK);
    const auto half = logits_of(model);
    CHECK(distance(half, before) > 1e-3);
    CHECK(logits_with(model, "b", 0.5f) == half);
    CHECK(logits_with(model, "adapter", 0.5f) == half);  // the folder's name
    CHECK(logits_with(model, "") == before);
    CHECK(distance(logits_with(model, "b"), half) > 1e-3);
    Owned<llava_string> info, model_info;
    REQUIRE(llava_adapter_info_json(a, info.out()) == LLAVA_OK);
    CHECK(std::string(llava_string_data(info)).find("\"name\":\"a\"") != std::string::npos);
    CHECK(std::string(llava_string_data(info)).find("\"rank\":2") != std::string::npos);
    REQUIRE(llava_model_info_json(model, model_info.out()) == LLAVA_OK);
    CHECK(std::string(llava_string_data(model_info)).find("\"attached\":true,\"scale\":0.5") != std::string::npos);
    REQUIRE(llava_adapter_detach(model) == LLAVA_OK);
    CHECK(logits_of(model) == before);
    CHECK(llava_has_feature("lora") == 1);
  }

  TEST_CASE("I01 paths that are missing, damaged, made for other shapes") {
    auto& f = fixture();
    Owned<llava_adapter> adapter;
    CHECK(llava_adapter_load(f.model, (f.folder + "/none").c_str(), nullptr, adapter.out()) == LLAVA_ERR_NOT_FOUND);
    const auto folder = f.folder + "/spoilt";
    std::filesystem::copy(f.adapter_path, folder);
    std::filesystem::resize_file(folder + "/adapter_model.safetensors", 100);
    CHECK(llava_adapter_load(f.model, folder.c_str(), nullptr, adapter.out()) == LLAVA_ERR_FORMAT);
    const char* const other = LLAVA_TEST_DATA "/checkpoints/golden/lora_hub";
    CHECK(llava_adapter_load(f.model, other, nullptr, adapter.out()) == LLAVA_ERR_UNSUPPORTED);
    CHECK(std::string(llava_last_error()).find("were made for other shapes") != std::string::npos);
    std::filesystem::remove_all(folder);
  }

  TEST_CASE("I02, I03, H11: names, scales, order, models, and names that nobody has") {
    auto& f = fixture();
    Owned<llava_model> model;
    REQUIRE(llava_load(f.model_path.c_str(), nullptr, model.out()) == LLAVA_OK);
    Owned<llava_adapter> a, b;
    CHECK(llava_adapter_detach(model) == LLAVA_ERR_STATE);
    REQUIRE(load_adapter(model, f.adapter_path, "a", a.out()) == LLAVA_OK);
    CHECK(load_adapter(model, f.adapter_path, "a", b.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(b.handle == nullptr);
    CHECK(llava_adapter_attach(model, a, NAN) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(llava_adapter_attach(f.model, a, 1) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(llava_adapter_merge(f.model, a, 1, f.fresh_target(), nullptr) == LLAVA_ERR_INVALID_ARGUMENT);
    REQUIRE(llava_adapter_attach(model, a, 1) == LLAVA_OK);
    CHECK(llava_adapter_attach(model, a, 1) == LLAVA_ERR_STATE);
    REQUIRE(llava_adapter_detach(model) == LLAVA_OK);
    CHECK(llava_adapter_detach(model) == LLAVA_ERR_STATE);

    auto forward = defaults<llava_forward_options>();
    auto encode = defaults<llava_encode_options>();
    auto session = defaults<llava_session_options>();
    auto chat = short_chat();
    forward.adapter = encode.adapter = session.adapter = chat.adapter = "nobody";
    Owned<llava_tensor> tensor;
    Owned<llava_embedding> embedding;
    Owned<llava_session> made;
    Owned<llava_response> response;
    Owned<llava_stream> stream;
    CHECK(llava_forward(model, f.ids, 3, nullptr, 0, &forward, tensor.out()) == LLAVA_ERR_NOT_FOUND);
    CHECK(llava_encode_image(model, f.image, &encode, embedding.out()) == LLAVA_ERR_NOT_FOUND);
    CHECK(llava_session_create(model, &session, made.out()) == LLAVA_ERR_NOT_FOUND);
    REQUIRE(llava_session_create(model, nullptr, made.out()) == LLAVA_OK);
    CHECK(llava_chat(made, f.message, &chat, response.out()) == LLAVA_ERR_NOT_FOUND);
    CHECK(std::string(llava_last_error()).find("there are: a") != std::string::npos);
    CHECK(llava_chat_start(made, f.message, &chat, stream.out()) == LLAVA_ERR_NOT_FOUND);
    CHECK(llava_session_turn_count(made) == 0);
    a.out();  // freed: the name is nobody's
    chat.adapter = "a";
    CHECK(llava_chat(made, f.message, &chat, response.out()) == LLAVA_ERR_NOT_FOUND);
  }

  TEST_CASE("a load with an adapter, a session with one, a call with another") {
    auto& f = fixture();
    auto options = defaults<llava_load_options>();
    options.adapter = f.adapter_path.c_str();
    options.adapter_scale = 30;
    Owned<llava_model> model;
    REQUIRE(llava_load(f.model_path.c_str(), &options, model.out()) == LLAVA_OK);
    CHECK(logits_of(model) == logits_with(model, "adapter", 30));
    Owned<llava_session> follows, plain;
    auto settings = defaults<llava_session_options>();
    REQUIRE(llava_session_create(model, &settings, follows.out()) == LLAVA_OK);
    settings.adapter = "";
    REQUIRE(llava_session_create(model, &settings, plain.out()) == LLAVA_OK);
    const auto with = words_of(follows, nullptr), without = words_of(plain, nullptr);
    CHECK(with != without);
    Owned<llava_session> other;
    settings.adapter = "adapter";  // scale 1
    REQUIRE(llava_session_create(model, &settings, other.out()) == LLAVA_OK);
    CHECK(words_of(other, "") == without);
    REQUIRE(llava_adapter_detach(model) == LLAVA_OK);
    REQUIRE(llava_session_reset(follows) == LLAVA_OK);
    CHECK(words_of(follows, nullptr) == without);
    REQUIRE(llava_session_reset(other) == LLAVA_OK);
    words_of(other, nullptr);  // its adapter stays in memory for it
    Owned<llava_string> plan;
    REQUIRE(llava_load_plan(f.model_path.c_str(), &options, plan.out()) == LLAVA_OK);
    CHECK(std::string(llava_string_data(plan)).find("\"targets\":[\"q_proj\"]") != std::string::npos);
  }

  TEST_CASE("merged, the model computes what model and adapter compute") {
    auto& f = fixture();
    const std::string target = f.fresh_target();
    REQUIRE(llava_adapter_merge(f.model, f.adapter, 2, target.c_str(), nullptr) == LLAVA_OK);
    Owned<llava_model> merged;
    REQUIRE(llava_load(target.c_str(), nullptr, merged.out()) == LLAVA_OK);
    CHECK(distance(logits_of(merged), logits_with(f.model, "fixture-0", 2)) <= 1e-4);
    auto options = defaults<llava_save_options>();
    options.projector = "x";
    CHECK(llava_adapter_merge(f.model, f.adapter, 1, f.fresh_target(), &options) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("a hundred loads, attachments and detachments leave nothing alive") {
    auto& f = fixture();
    const auto before = live_objects();
    for (int i = 0; i < 100; ++i) {
      Owned<llava_adapter> adapter;
      REQUIRE(load_adapter(f.model, f.adapter_path, "again", adapter.out()) == LLAVA_OK);
      REQUIRE(llava_adapter_attach(f.model, adapter, 0.5f + static_cast<float>(i)) == LLAVA_OK);
      adapter.out();  // attached: still there
      logits_with(f.model, "again");
      REQUIRE(llava_adapter_detach(f.model) == LLAVA_OK);
    }
    CHECK(live_objects() == before);
  }

  TEST_CASE("attaching and detaching beside other calls") {
    auto& f = fixture();
    const auto without = logits_of(f.model), with = logits_with(f.model, "fixture-0");
    std::atomic<bool> stop{false};
    std::atomic<int> failures{0};
    std::thread changing([&] {
      while (!stop) {
        failures += llava_adapter_attach(f.model, f.adapter, 1) != LLAVA_OK;
        failures += llava_adapter_detach(f.model) != LLAVA_OK;
      }
    });
    int neither = 0;
    for (int i = 0; i < 40; ++i) {
      const auto got = logits_of(f.model);
      neither += got != without && got != with;
    }
    stop = true;
    changing.join();
    CHECK(neither == 0);
    CHECK(failures == 0);
  }

  TEST_CASE("the same from C++") {
    auto& f = fixture();
    llava::Model model(f.model_path);
    llava::AdapterOptions named;
    named.name = "mine";
    const llava::Adapter adapter(model, f.adapter_path, named);
    CHECK(adapter.info_json().find("\"mine\"") != std::string::npos);
    const std::vector<int32_t> ids = {1, 5, 6};
    const auto before = model.forward(ids).to_floats();
    llava::attach(model, adapter, 3);
    const auto attached = model.forward(ids).to_floats();
    CHECK(attached != before);
    llava::ForwardOptions none;
    none.adapter = "";
    CHECK(model.forward(ids, {}, none).to_floats() == before);
    llava::detach(model);
    llava::ForwardOptions chosen;
    chosen.adapter = "mine";
    chosen.adapter_scale = 3;
    CHECK(model.forward(ids, {}, chosen).to_floats() == attached);
    CHECK_THROWS_AS(llava::detach(model), llava::Error);
    llava::Session session(model);
    llava::ChatOptions chat;
    chat.adapter = "mine";
    chat.max_tokens = 2;
    CHECK_NOTHROW(session.chat("hi", chat));
    const std::string target = f.fresh_target();
    llava::merge_adapter(model, adapter, 3, target);
    CHECK(distance(llava::load(target).forward(ids).to_floats(), attached) <= 1e-4);
  }
}

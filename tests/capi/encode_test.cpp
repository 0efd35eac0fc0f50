// Loading, encoding, the language model as a function, embeddings as files.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "fixture.hpp"

namespace {

std::vector<float> floats(const llava_tensor* tensor) {
  Sized<llava_tensor_desc> desc;
  REQUIRE(llava_tensor_info(tensor, desc.get()) == LLAVA_OK);
  REQUIRE(desc->dtype == LLAVA_DTYPE_F32);
  std::vector<float> numbers(static_cast<size_t>(desc->element_count));
  size_t needed = 0;
  REQUIRE(llava_tensor_copy_to_host(tensor, numbers.data(), numbers.size() * sizeof(float), &needed) == LLAVA_OK);
  return numbers;
}

std::vector<int64_t> shape(const llava_tensor* tensor) {
  Sized<llava_tensor_desc> desc;
  REQUIRE(llava_tensor_info(tensor, desc.get()) == LLAVA_OK);
  return {desc->shape, desc->shape + desc->rank};
}

std::vector<float> rows_of(const llava_embedding* embedding) {
  Owned<llava_tensor> tensor;
  REQUIRE(llava_embedding_tensor(embedding, tensor.out()) == LLAVA_OK);
  return floats(tensor);
}

int32_t abort_load(const char*, int64_t, int64_t, const char*, void* user_data) {
  return *static_cast<int32_t*>(user_data);
}

llava_status load_with(int32_t answer) {
  auto options = defaults<llava_load_options>();
  options.progress = abort_load;
  options.progress_user_data = &answer;
  Owned<llava_model> model;
  return llava_load(fixture().model_path.c_str(), &options, model.out());
}

}  // namespace

TEST_SUITE("capi/model") {
  TEST_CASE("folders without a model are told apart") {
    Owned<llava_model> model;
    CHECK(llava_load((fixture().folder + "/nothing").c_str(), nullptr, model.out()) == LLAVA_ERR_NOT_FOUND);
    const auto empty = fixture().folder + "/empty";
    std::filesystem::create_directory(empty);
    CHECK(llava_load(empty.c_str(), nullptr, model.out()) == LLAVA_ERR_NOT_FOUND);
    std::ofstream(empty + "/config.json") << "{ broken";
    CHECK(llava_load(empty.c_str(), nullptr, model.out()) == LLAVA_ERR_FORMAT);
    std::filesystem::remove_all(empty);
  }

  TEST_CASE("a progress callback may stop, fail, or answer nonsense") {
    CHECK(load_with(0) == LLAVA_OK);
    CHECK(load_with(LLAVA_LOAD_ABORT) == LLAVA_ERR_CANCELLED);
    CHECK(load_with(-1) == LLAVA_ERR_CALLBACK);
    CHECK(load_with(2) == LLAVA_ERR_CALLBACK);
  }

  TEST_CASE("the phases of a load are those the header names") {
    std::vector<std::string> phases;
    auto options = defaults<llava_load_options>();
    options.progress = [](const char* phase, int64_t, int64_t, const char*, void* user_data) -> int32_t {
      auto& seen = *static_cast<std::vector<std::string>*>(user_data);
      if (seen.empty() || seen.back() != phase) seen.push_back(phase);
      return 0;
    };
    options.progress_user_data = &phases;
    Owned<llava_model> model;
    REQUIRE(llava_load(fixture().model_path.c_str(), &options, model.out()) == LLAVA_OK);
    CHECK(phases == std::vector<std::string>{"weights", "warm-up"});
  }

  TEST_CASE("a cancel that comes when the weights are read is heard before the warm-up") {
    Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
    auto options = defaults<llava_load_options>();
    options.cancel = token;
    options.progress = [](const char* phase, int64_t, int64_t, const char*, void* user_data) -> int32_t {
      if (std::string(phase) == "warm-up")
        CHECK(llava_cancel_cancel(static_cast<llava_cancel*>(user_data)) == LLAVA_OK);
      return 0;
    };
    options.progress_user_data = token.handle;
    Owned<llava_model> model;
    CHECK(llava_load(fixture().model_path.c_str(), &options, model.out()) == LLAVA_ERR_CANCELLED);
  }

  TEST_CASE("a cancelled token and a passed deadline load nothing") {
    Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
    auto options = defaults<llava_load_options>();
    options.cancel = token;
    Owned<llava_model> model;
    REQUIRE(llava_cancel_set_deadline_ms(token, 0) == LLAVA_OK);
    CHECK(llava_load(fixture().model_path.c_str(), &options, model.out()) == LLAVA_ERR_TIMEOUT);
    REQUIRE(llava_cancel_cancel(token) == LLAVA_OK);
    CHECK(llava_load(fixture().model_path.c_str(), &options, model.out()) == LLAVA_ERR_CANCELLED);
  }

  TEST_CASE("unknown devices, templates and contexts are refused") {
    Owned<llava_model> model;
    auto options = defaults<llava_load_options>();
    options.device = "abacus";
    CHECK(llava_load(fixture().model_path.c_str(), &options, model.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    initialise(options);
    options.template_name = "no such template";
    CHECK(llava_load(fixture().model_path.c_str(), &options, model.out()) == LLAVA_ERR_NOT_FOUND);
    initialise(options);
    options.max_context = 1 << 20;
    CHECK(llava_load(fixture().model_path.c_str(), &options, model.out()) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("limits, memory and information hold together") {
    Sized<llava_limits> limits;
    Sized<llava_model_usage> usage;
    Owned<llava_string> info;
    REQUIRE(llava_model_limits(fixture().model, limits.get()) == LLAVA_OK);
    REQUIRE(llava_model_memory(fixture().model, usage.get()) == LLAVA_OK);
    REQUIRE(llava_model_info_json(fixture().model, info.out()) == LLAVA_OK);
    CHECK(limits->tokens_per_image == 9);
    CHECK(limits->image_size == 42);
    CHECK(limits->vision_layers == 3);
    CHECK(usage->weight_bytes > 1000);
    CHECK(usage->cache_bytes_per_token > 0);
    CHECK(std::string(llava_string_data(info)).find("fingerprint") != std::string::npos);
  }

  TEST_CASE("children outlive the handle of their model") {
    Owned<llava_model> model;
    REQUIRE(llava_load(fixture().model_path.c_str(), nullptr, model.out()) == LLAVA_OK);
    Owned<llava_session> session;
    Owned<llava_embedding> embedding;
    REQUIRE(llava_session_create(model, nullptr, session.out()) == LLAVA_OK);
    REQUIRE(llava_encode_image(model, fixture().image, nullptr, embedding.out()) == LLAVA_OK);
    release(*model.out());
    Owned<llava_response> answer;
    const auto options = short_chat();
    CHECK(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
    CHECK(rows_of(embedding).size() > 0);
  }
}

TEST_SUITE("capi/encode") {
  TEST_CASE("pixels, features and projected rows have the model's shapes") {
    auto& f = fixture();
    Owned<llava_tensor> pixels;
    REQUIRE(llava_image_preprocess(f.model, f.image, nullptr, pixels.out()) == LLAVA_OK);
    CHECK(shape(pixels) == std::vector<int64_t>{3, 42, 42});
    Sized<llava_limits> limits;
    REQUIRE(llava_model_limits(f.model, limits.get()) == LLAVA_OK);
    auto options = defaults<llava_encode_options>();
    for (const int32_t output : {LLAVA_ENCODE_PROJECTED, LLAVA_ENCODE_FEATURES})
      for (const int32_t token : {0, 1}) {
        options.output = output;
        options.class_token = token;
        Owned<llava_embedding> embedding;
        REQUIRE(llava_encode_image(f.model, f.image, &options, embedding.out()) == LLAVA_OK);
        Sized<llava_embedding_desc> desc;
        REQUIRE(llava_embedding_info(embedding, desc.get()) == LLAVA_OK);
        CHECK(desc->tokens == 9 + token);
        CHECK(desc->width == (output == LLAVA_ENCODE_PROJECTED ? limits->width : limits->vision_width));
        CHECK(std::strlen(desc->image_sha256) == 64);
      }
  }

  TEST_CASE("the configured layer is the default, and layers outside the tower are refused") {
    auto& f = fixture();
    Owned<llava_embedding> plain, same;
    auto options = defaults<llava_encode_options>();
    REQUIRE(llava_encode_image(f.model, f.image, nullptr, plain.out()) == LLAVA_OK);
    options.layer = -2;
    options.class_token = 0;
    REQUIRE(llava_encode_image(f.model, f.image, &options, same.out()) == LLAVA_OK);
    CHECK(rows_of(plain) == rows_of(same));
    for (const int32_t layer : {-5, 4, 100, -100}) {
      options.layer = layer;
      CHECK(llava_encode_image(f.model, f.image, &options, same.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    }
  }

  TEST_CASE("pictures encoded together are those encoded alone") {
    auto& f = fixture();
    Owned<llava_image> other(f.make<llava_image>());
    const llava_image* const images[] = {f.image, other, f.image};
    llava_embedding* out[3] = {};
    REQUIRE(llava_encode_images(f.model, images, 3, nullptr, out) == LLAVA_OK);
    Owned<llava_embedding> alone;
    REQUIRE(llava_encode_image(f.model, f.image, nullptr, alone.out()) == LLAVA_OK);
    const auto a = rows_of(out[0]), b = rows_of(alone), c = rows_of(out[1]);
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-4));
    CHECK(a != c);
    for (auto* embedding : out) llava_embedding_free(embedding);
    const llava_image* const broken[] = {f.image, nullptr};
    CHECK(llava_encode_images(f.model, broken, 2, nullptr, out) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(std::string(llava_last_error()).find("images[1]") != std::string::npos);
    CHECK(out[0] == nullptr);
  }

  TEST_CASE("the numbers of a tensor lie where llava_tensor_data() says, once for all who ask") {
    auto& f = fixture();
    const void *first = nullptr, *second = nullptr;
    REQUIRE(llava_tensor_data(f.tensor, &first) == LLAVA_OK);
    REQUIRE(llava_tensor_data(f.tensor, &second) == LLAVA_OK);
    CHECK(first == second);
    const auto copy = floats(f.tensor);
    CHECK(std::memcmp(first, copy.data(), copy.size() * sizeof(float)) == 0);
  }

  TEST_CASE("embeddings of wrong shape or with NaN are refused") {
    auto& f = fixture();
    Owned<llava_tensor> tensor;
    Owned<llava_embedding> embedding;
    REQUIRE(llava_tensor_from_host(f.numbers, LLAVA_DTYPE_F32, f.shape, 2, tensor.out()) == LLAVA_OK);
    CHECK(llava_embedding_from_tensor(f.model, tensor, embedding.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    auto rows = floats(f.tensor);
    rows[3] = NAN;
    const auto sizes = shape(f.tensor);
    REQUIRE(llava_tensor_from_host(rows.data(), LLAVA_DTYPE_F32, sizes.data(), 2, tensor.out()) == LLAVA_OK);
    CHECK(llava_embedding_from_tensor(f.model, tensor, embedding.out()) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("an embedding comes back from its file, and not into another model") {
    auto& f = fixture();
    const auto path = f.folder + "/cat.safetensors";
    Owned<llava_embedding> made, read;
    REQUIRE(llava_encode_image(f.model, f.image, nullptr, made.out()) == LLAVA_OK);
    REQUIRE(llava_embedding_save(made, path.c_str()) == LLAVA_OK);
    REQUIRE(llava_embedding_load(f.model, path.c_str(), read.out()) == LLAVA_OK);
    CHECK(rows_of(made) == rows_of(read));
    Owned<llava_model> other;
    REQUIRE(llava_load(LLAVA_TEST_DATA "/golden/model/tiny_new", nullptr, other.out()) == LLAVA_OK);
    CHECK(llava_embedding_load(other, path.c_str(), read.out()) == LLAVA_ERR_UNSUPPORTED);
    const auto picture = llava_embedding_load(f.model, f.picture_path.c_str(), read.out());
    CHECK((picture == LLAVA_ERR_FORMAT || picture == LLAVA_ERR_LIMIT));  // its first bytes say an endless header
    CHECK(llava_embedding_load(f.model, f.session_path.c_str(), read.out()) == LLAVA_ERR_FORMAT);
    CHECK(llava_embedding_save(made, "/nonexistent/folder/x") == LLAVA_ERR_NOT_FOUND);
    Owned<llava_message> message(f.fresh(f.message));
    Owned<llava_session> session;
    Owned<llava_response> answer;
    REQUIRE(llava_message_add_embedding(message, made) == LLAVA_OK);
    REQUIRE(llava_session_create(other, nullptr, session.out()) == LLAVA_OK);
    CHECK(llava_chat(session, message, nullptr, answer.out()) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("logits come for every position, hidden states too, or for the last alone") {
    auto& f = fixture();
    Sized<llava_limits> limits;
    REQUIRE(llava_model_limits(f.model, limits.get()) == LLAVA_OK);
    Owned<llava_embedding> picture;
    REQUIRE(llava_encode_image(f.model, f.image, nullptr, picture.out()) == LLAVA_OK);
    const int32_t ids[] = {1, LLAVA_IMAGE_TOKEN, 7, 8};
    const llava_embedding* const pictures[] = {picture};
    Owned<llava_tensor> all, last, hidden;
    auto options = defaults<llava_forward_options>();
    REQUIRE(llava_forward(f.model, ids, 4, pictures, 1, nullptr, all.out()) == LLAVA_OK);
    options.last_only = 1;
    REQUIRE(llava_forward(f.model, ids, 4, pictures, 1, &options, last.out()) == LLAVA_OK);
    options = defaults<llava_forward_options>();
    options.output = LLAVA_FORWARD_HIDDEN;
    REQUIRE(llava_forward(f.model, ids, 4, pictures, 1, &options, hidden.out()) == LLAVA_OK);
    CHECK(shape(all) == std::vector<int64_t>{12, limits->vocabulary});
    CHECK(shape(hidden) == std::vector<int64_t>{12, limits->width});
    const auto whole = floats(all), end = floats(last);
    REQUIRE(end.size() == static_cast<size_t>(limits->vocabulary));
    for (size_t i = 0; i < end.size(); ++i)
      CHECK(whole[whole.size() - end.size() + i] == doctest::Approx(end[i]).epsilon(1e-4));
    CHECK(llava_forward(f.model, ids, 4, nullptr, 0, nullptr, all.out()) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("more ids than the context holds give numbers") {
    auto& f = fixture();
    Sized<llava_limits> limits;
    REQUIRE(llava_model_limits(f.model, limits.get()) == LLAVA_OK);
    const std::vector<int32_t> ids(static_cast<size_t>(limits->context) + 1, 5);
    Owned<llava_tensor> out;
    CHECK(llava_forward(f.model, ids.data(), limits->context + 1, nullptr, 0, nullptr, out.out()) ==
          LLAVA_ERR_CONTEXT_FULL);
    char json[1024];
    size_t needed = 0;
    REQUIRE(llava_last_error_json(json, sizeof json, &needed) == LLAVA_OK);
    CHECK(std::string(json).find("\"limit\":" + std::to_string(limits->context)) != std::string::npos);
  }
}

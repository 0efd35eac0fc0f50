// Making the handles of the fixture.
#include "fixture.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace {

void need(llava_status status, const char* what) {
  if (status == LLAVA_OK) return;
  std::fprintf(stderr, "the fixture of the tests cannot be made: %s: %s\n", what, llava_last_error());
  std::exit(2);
}

std::vector<unsigned char> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A LoRA of rank 2 for the first query matrix, [width, width], as PEFT writes it.
void write_adapter(const std::string& folder, int64_t width) {
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/adapter_config.json")
      << R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "bias": "none"})";
  const std::string path = "base_model.model.language_model.model.layers.0.self_attn.q_proj.";
  std::ostringstream entries;
  const auto add = [&](const char* name, int64_t rows, int64_t columns, int64_t begin) {
    entries << '"' << path << name << R"(.weight":{"dtype":"F32","shape":[)" << rows << ',' << columns
            << R"(],"data_offsets":[)" << begin << ',' << begin + rows * columns * 4 << "]}";
  };
  entries << '{';
  add("lora_A", 2, width, 0);
  entries << ',';
  add("lora_B", width, 2, 8 * width);
  entries << '}';
  auto header = entries.str();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t size = header.size();
  std::vector<float> numbers(static_cast<size_t>(4 * width));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(static_cast<int>(i % 7) - 3) * 0.3f;
  std::ofstream file(folder + "/adapter_model.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&size), sizeof size) << header;
  file.write(reinterpret_cast<const char*>(numbers.data()),
             static_cast<std::streamsize>(numbers.size() * sizeof(float)));
}

std::string base64(const std::vector<unsigned char>& bytes) {
  static const char* const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) { return i + at < bytes.size() ? bytes[i + at] : 0u; };
    const unsigned group = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += letters[group >> 18];
    text += letters[group >> 12 & 63];
    text += i + 1 < bytes.size() ? letters[group >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? letters[group & 63] : '=';
  }
  return text;
}

}  // namespace

std::string live_objects() {
  llava_string* text = nullptr;
  need(llava_live_objects(&text), "llava_live_objects");
  return take(text);
}

const char* Fixture::fresh_target() {
  targets.push_back(folder + "/target-" + std::to_string(targets.size()));
  return targets.back().c_str();
}

llava_string* Fixture::fresh(const llava_string*) {
  llava_string* handle = nullptr;
  need(llava_live_objects(&handle), "string");
  return handle;
}

llava_buffer* Fixture::fresh(const llava_buffer*) {
  llava_buffer* handle = nullptr;
  llava_session_options options;
  need(llava_session_options_from_json(&options, sizeof options, "{\"system\":\"x\"}", &handle), "buffer");
  return handle;
}

llava_cancel* Fixture::fresh(const llava_cancel*) {
  llava_cancel* handle = nullptr;
  need(llava_cancel_create(&handle), "cancel");
  return handle;
}

llava_message* Fixture::fresh(const llava_message*) {
  llava_message* handle = nullptr;
  need(llava_message_create(LLAVA_ROLE_USER, &handle), "message");
  need(llava_message_add_text(handle, "What is this?"), "message text");
  return handle;
}

llava_decoder* Fixture::fresh(const llava_decoder*) {
  llava_decoder* handle = nullptr;
  need(llava_decoder_create(model, 0, &handle), "decoder");
  return handle;
}

llava_session* Fixture::fresh(const llava_session*) {
  llava_session* handle = nullptr;
  const char* const turns = "[{\"role\":\"user\",\"content\":\"hi\"}]";
  need(llava_session_from_json(model, turns, nullptr, &handle), "session");
  return handle;
}

llava_stream* Fixture::fresh(const llava_stream*) {
  Owned<llava_session> owner(fresh(session));
  Owned<llava_message> question(fresh(message));
  llava_stream* handle = nullptr;
  const auto options = short_chat(2);
  need(llava_chat_start(owner, question, &options, &handle), "stream");
  return handle;
}

llava_image* Fixture::fresh(const llava_image*) {
  need(llava_image_retain(image), "image");
  return image;
}
llava_model* Fixture::fresh(const llava_model*) {
  need(llava_model_retain(model), "model");
  return model;
}
llava_tensor* Fixture::fresh(const llava_tensor*) {
  need(llava_tensor_retain(tensor), "tensor");
  return tensor;
}
llava_embedding* Fixture::fresh(const llava_embedding*) {
  need(llava_embedding_retain(embedding), "embedding");
  return embedding;
}
llava_event* Fixture::fresh(const llava_event*) {
  need(llava_event_retain(event), "event");
  return event;
}
llava_response* Fixture::fresh(const llava_response*) {
  need(llava_response_retain(response), "response");
  return response;
}

llava_adapter* Fixture::fresh(const llava_adapter*) {
  need(llava_adapter_retain(adapter), "adapter");
  return adapter;
}

llava_report* Fixture::fresh(const llava_report*) {
  need(llava_report_retain(report), "report");
  return report;
}

llava_trainer* Fixture::fresh(const llava_trainer*) {
  need(llava_trainer_retain(trainer), "trainer");
  return trainer;
}

llava_train_options Fixture::training() {
  auto options = defaults<llava_train_options>();
  options.data = talk_path.c_str();
  options.eval_data = talk_path.c_str();
  options.out_dir = fresh_target();
  options.learns = "projector.*|language.norm.weight";
  options.batch = 1;
  options.steps = 1;
  return options;
}

const llava_train_options* Fixture::train_options() {
  trainings.push_back(training());
  return &trainings.back();
}

template <>
llava_report* Fixture::make() {
  const auto options = training();
  llava_report* handle = nullptr;
  need(llava_train_plan(model_path.c_str(), &options, &handle), "report");
  return handle;
}

template <>
llava_trainer* Fixture::make() {
  auto options = training();
  options.steps = 1 << 30;
  llava_trainer* handle = nullptr;
  need(llava_trainer_create(model_path.c_str(), &options, &handle), "trainer");
  return handle;
}

template <>
llava_adapter* Fixture::make() {
  static int made = 0;
  const auto name = "fixture-" + std::to_string(made++);
  auto options = defaults<llava_adapter_options>();
  options.name = name.c_str();
  llava_adapter* handle = nullptr;
  need(llava_adapter_load(model, adapter_path.c_str(), &options, &handle), "adapter");
  return handle;
}

template <>
llava_image* Fixture::make() {
  llava_image* handle = nullptr;
  need(llava_image_from_pixels(pixels, 2, 2, 0, LLAVA_PIXELS_RGB24, &handle), "pixels");
  return handle;
}

template <>
llava_model* Fixture::make() {
  llava_model* handle = nullptr;
  need(llava_load(model_path.c_str(), nullptr, &handle), "model");
  return handle;
}

template <>
llava_tensor* Fixture::make() {
  llava_tensor* handle = nullptr;
  need(llava_tensor_from_host(numbers, LLAVA_DTYPE_F32, shape, 2, &handle), "tensor");
  return handle;
}

template <>
llava_embedding* Fixture::make() {
  llava_embedding* handle = nullptr;
  need(llava_embedding_from_tensor(model, tensor, &handle), "embedding");
  return handle;
}

template <>
llava_event* Fixture::make() {
  Owned<llava_stream> one(fresh(stream));
  llava_event* handle = nullptr;
  need(llava_stream_next(one, -1, &handle), "event");
  return handle;
}

template <>
llava_response* Fixture::make() {
  Owned<llava_stream> one(fresh(stream));
  llava_response* handle = nullptr;
  need(llava_stream_finish(one, &handle), "response");
  return handle;
}

Fixture::Fixture() {
  char name[] = "/tmp/llava-capi-XXXXXX";
  if (!mkdtemp(name)) std::exit(2);
  folder = name;
  const std::string golden = LLAVA_TEST_DATA "/golden/model/";
  model_path = golden + "tiny";
  picture_path = golden + "pictures/wide.jpg";
  data_path = LLAVA_TEST_DATA "/golden/data/records.json";
  talk_path = folder + "/talk.jsonl";
  std::ofstream(talk_path)
      << R"({"id": "1", "conversations": [{"from": "human", "value": "One?"}, {"from": "gpt", "value": "Two."}]}
{"id": "2", "conversations": [{"from": "human", "value": "Two?"}, {"from": "gpt", "value": "Four."}]}
{"id": "3", "conversations": [{"from": "human", "value": "Three?"}, {"from": "gpt", "value": "Nine."}]}
)";
  seen_path = folder + "/seen.jsonl";  // pictures beside picture_path
  std::ofstream(seen_path)
      << R"({"id": "1", "image": "wide.jpg", "conversations": [{"from": "human", "value": "<image>\nOne?"}, {"from": "gpt", "value": "Two."}]}
{"id": "2", "conversations": [{"from": "human", "value": "Two?"}, {"from": "gpt", "value": "Four."}]}
{"id": "3", "image": "wide.jpg", "conversations": [{"from": "human", "value": "<image>\nThree?"}, {"from": "gpt", "value": "Nine."}]}
)";
  run_path = folder + "/run";
  std::filesystem::create_directory(run_path);
  std::ofstream(run_path + "/run.json") << R"({"step": 3, "steps": 9, "state": "running"})";
  embedding_path = folder + "/embedding.safetensors";
  session_path = folder + "/session.safetensors";
  long_path = "/" + std::string(5000, 'x');
  deep_json = std::string(200, '[') + std::string(200, ']');
  picture_bytes = bytes_of(picture_path);
  uri = "data:image/jpeg;base64," + base64(picture_bytes);

  model = make<llava_model>();
  need(llava_image_from_file(picture_path.c_str(), nullptr, &image), "image");
  Sized<llava_limits> limits;
  need(llava_model_limits(model, limits.get()), "limits");
  adapter_path = folder + "/adapter";
  write_adapter(adapter_path, limits->width);
  adapter = make<llava_adapter>();
  const int64_t rows[2] = {2, limits->width};
  const std::vector<float> zeros(static_cast<size_t>(2 * limits->width));
  need(llava_tensor_from_host(zeros.data(), LLAVA_DTYPE_F32, rows, 2, &tensor), "tensor");
  embedding = make<llava_embedding>();
  need(llava_embedding_save(embedding, embedding_path.c_str()), "embedding file");
  message = fresh(message);
  session = fresh(session);
  need(llava_session_save(session, session_path.c_str()), "session file");
  string = fresh(string);
  buffer = fresh(buffer);
  cancel = fresh(cancel);
  decoder = fresh(decoder);
  stream = fresh(stream);
  event = make<llava_event>();
  response = make<llava_response>();
  report = make<llava_report>();
  trainer = make<llava_trainer>();
  image_list[0] = image;
  message_list[0] = message;
}

Fixture::~Fixture() {
  release(trainer), release(report), release(response), release(event), release(stream), release(decoder),
      release(cancel), release(buffer);
  release(string), release(session), release(message), release(embedding), release(tensor), release(image);
  release(adapter), release(model);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

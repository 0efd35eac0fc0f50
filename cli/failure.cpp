// The library speaks to programmers; this turns its messages into the command's.
#include "failure.hpp"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

namespace llava_cli {
namespace {

// Fields of option structs whose option has another name.
constexpr std::pair<const char*, const char*> kFields[] = {
    {"options.max_context", "--context"}, {"options.template_name", "--template"},
    {"options.image_root", "--images"},   {"options.out_dir", "--out"},
    {"options.eval_data", "--eval"},      {"options.answer_data", "--answers"},
    {"options.learns", "--train"},        {"max_context", "--context"}};

std::string field_option(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

// "options.top_p is 0" -> "--top-p is 0"
std::string with_option_names(std::string text) {
  const std::string prefix = "options.";
  for (const auto& [field, option] : kFields)
    if (text.rfind(std::string(field) + ' ', 0) == 0) return option + text.substr(std::string(field).size());
  if (text.rfind(prefix, 0) != 0) return text;
  const auto end = std::min(text.find_first_of(" [", prefix.size()), text.size());
  return field_option(text.substr(prefix.size(), end - prefix.size())) + text.substr(end);
}

// {"message": …, "details": {…}}, as llava_last_error_json() writes it.
nlohmann::json record_of(const llava::Error& error) {
  auto record = nlohmann::json::parse(error.details(), nullptr, /*allow_exceptions=*/false);
  return record.is_object() ? record : nlohmann::json{{"details", nlohmann::json::object()}};
}

const char* advice(llava_status status) {
  switch (status) {
    case LLAVA_ERR_CONTEXT_FULL:
      return "; ask something shorter or start afresh (/reset), or raise --context where the model has more";
    case LLAVA_ERR_TIMEOUT:
      return "; --timeout-ms sets the deadline";
    case LLAVA_ERR_OUT_OF_MEMORY:
      return "; a smaller --context or a --dtype of 16 bits needs less";
    case LLAVA_ERR_DEVICE_MEMORY:
      return "; a smaller --context, a --dtype of 16 bits or --device cpu may help";
    case LLAVA_ERR_DEVICE:
      return "; --device cpu works without the card";
    default:
      return "";
  }
}

// The same of `llava train`, which has other options.
const char* training_advice(llava_status status) {
  switch (status) {
    case LLAVA_ERR_OUT_OF_MEMORY:
    case LLAVA_ERR_DEVICE_MEMORY:
      return "; --recompute full, a smaller --micro-batch, a LoRA (--lora-r) or a higher --zero needs less: --plan "
             "says how "
             "much";
    case LLAVA_ERR_DEVICE:
      return advice(status);
    default:
      return "";
  }
}

// A name on the command line that is none of those there are.
bool names_a_choice(const nlohmann::json& details) {
  return details.contains("templates") || details.contains("presets");
}

std::string said(const llava::Error& error) {
  return with_option_names(record_of(error).value("message", error.what()));
}

}  // namespace

int exit_code(const llava::Error& error) {
  switch (error.code()) {
    case LLAVA_ERR_INVALID_ARGUMENT:
      return kUsage;
    case LLAVA_ERR_NOT_FOUND:
      return names_a_choice(record_of(error)["details"]) ? kUsage : kInput;
    case LLAVA_ERR_IO:
    case LLAVA_ERR_FORMAT:
    case LLAVA_ERR_UNSUPPORTED:
      return kInput;
    case LLAVA_ERR_OUT_OF_MEMORY:
    case LLAVA_ERR_DEVICE_MEMORY:
    case LLAVA_ERR_CONTEXT_FULL:
    case LLAVA_ERR_LIMIT:
      return kResources;
    case LLAVA_ERR_CANCELLED:
    case LLAVA_ERR_TIMEOUT:
      return kStopped;
    case LLAVA_ERR_BUSY:
      return kBusy;
    case LLAVA_ERR_DISTRIBUTED:
      return kLost;
    default:
      return kFailed;
  }
}

std::string explain(const llava::Error& error) { return said(error) + advice(error.code()); }

std::string explain_training(const llava::Error& error) { return said(error) + training_advice(error.code()); }

namespace {

// Words of the command line may be any bytes.
std::string text_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string failure_json(const llava::Error& error) {
  const auto record = record_of(error);
  if (!record.contains("name")) return failure_json(error.code(), error.what());
  return text_of(nlohmann::json{{"error", record}});
}

std::string failure_json(llava_status code, const std::string& message) {
  return text_of(nlohmann::json{{"error",
                                 {{"code", code},
                                  {"name", llava_status_name(code)},
                                  {"message", message},
                                  {"function", "llava"},
                                  {"details", nlohmann::json::object()}}}});
}

void complain(const std::string& what) { std::cerr << "llava: " + what + '\n' << std::flush; }

void show_warnings() {
  llava::set_log([](llava::LogLevel level, std::string_view text) {
    complain((level == llava::LogLevel::error ? "error: " : "warning: ") + std::string(text));
  });
}

}  // namespace llava_cli

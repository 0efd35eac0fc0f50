// Options to and from JSON, on the C side.
#include "options_calls.hpp"

#include "base/limits.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Status;

void options_from_json_call(const OptionStruct& table, void* options, size_t struct_size, const char* json,
                            llava_buffer** keep) {
  if (!options) throw Error(Status::argument, cat("options is NULL, expected a ", table.name));
  check_struct_size(table, struct_size);
  const auto text = text_argument(json, "json", core::limits::kConfigJsonBytes);
  std::vector<char> ours(table.size);
  auto memory = std::make_shared<BufferObject>();
  options_from_json(table, text, ours.data(), memory->kept);
  if (!memory->kept.empty()) {
    if (!keep) throw Error(Status::argument, "keep is NULL, expected a place for what owns the texts and lists");
    *keep = wrap<llava_buffer>(memory);
  }
  init_options(table, options, struct_size);  // the caller's size and tail
  std::memcpy(static_cast<char*>(options) + sizeof(uint32_t), ours.data() + sizeof(uint32_t),
              std::min<size_t>(struct_size, table.size) - sizeof(uint32_t));
}

llava_string* options_to_json_call(const OptionStruct& table, const void* options) {
  if (!options) throw Error(Status::argument, cat("options is NULL, expected a ", table.name));
  std::vector<char> checked(table.size);
  read_options(table, options, checked.data());
  return new_string(options_to_json(table, checked.data()));
}

}  // namespace llava::capi

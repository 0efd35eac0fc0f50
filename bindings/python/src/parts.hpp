// What the files of the extension share: each adds its classes to the module.
#pragma once

#include <pybind11/stl.h>

#include <map>

#include "arrays.hpp"
#include "blocking.hpp"

namespace llava_python {

void add_base(py::module_& module);
void add_checkpoint(py::module_& module);
void add_chat(py::module_& module);
void add_image(py::module_& module);
void add_message(py::module_& module);
void add_model(py::module_& module);
void add_session(py::module_& module);
void add_tensor(py::module_& module);
void add_tokenizer(py::module_& module);
void add_train(py::module_& module);

void set_log_level(llava::LogLevel level);

/// A texts' place in a list of names; ValueError that lists them otherwise.
template <typename Enum>
Enum choice(const char* argument, const std::string& text, std::initializer_list<std::pair<const char*, Enum>> names) {
  std::string expected;
  for (const auto& [name, value] : names) {
    if (text == name) return value;
    expected += (expected.empty() ? "" : ", ") + std::string(name);
  }
  throw py::value_error(std::string(argument) + " is '" + text + "', expected one of " + expected);
}

inline llava::Dtype dtype_named(const std::string& name) {
  return choice<llava::Dtype>("dtype", name,
                              {{"auto", llava::Dtype::automatic},
                               {"f32", llava::Dtype::f32},
                               {"f16", llava::Dtype::f16},
                               {"bf16", llava::Dtype::bf16}});
}

/// The progress callback of a call: None goes on, False stops. `callable` is borrowed and may be None.
std::function<bool(const llava::LoadProgress&)> progress_of(const py::object& callable);

/// Answers' options from keywords; TypeError for one that is unknown or of another type. `on_event` is borrowed.
llava::ChatOptions chat_options(const py::dict& given);

/// The messages behind a list.
std::vector<llava::Message> messages_of(const std::vector<Owned<llava::Message>*>& given);

}  // namespace llava_python

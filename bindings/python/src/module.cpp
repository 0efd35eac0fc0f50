// The extension llava._llava: classes of llava.hpp as they are. What makes them pleasant is the Python beside it.
#include "parts.hpp"

namespace {

using namespace llava_python;

// Hands a failure to Python, which knows the class of each status.
void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const llava::Error& error) {
    const auto make = py::module_::import("llava._errors").attr("make");
    const auto value = make(error.code(), py::str(error.what()), py::str(error.details()));
    PyErr_SetObject(py::type::handle_of(value).ptr(), value.ptr());
  }
}

}  // namespace

PYBIND11_MODULE(_llava, module) {
  py::register_local_exception_translator(&translate);
  py::options options;
  options.disable_enum_members_docstring();
  add_base(module);
  add_tensor(module);
  add_image(module);
  add_message(module);
  add_model(module);
  add_tokenizer(module);
  add_checkpoint(module);
  add_chat(module);
  add_session(module);
  add_train(module);
}

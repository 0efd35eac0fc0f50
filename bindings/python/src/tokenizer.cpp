// Texts, token ids and templates of a model.
#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedModel = Owned<llava::Model>;
using OwnedMessages = std::vector<Owned<llava::Message>*>;

llava::TemplateOptions template_options(const std::string& name, bool generation_prompt,
                                        const std::optional<std::string>& system) {
  llava::TemplateOptions options;
  options.template_name = name;
  options.generation_prompt = generation_prompt;
  options.has_system = system.has_value();
  options.system = system.value_or("");
  return options;
}

std::optional<int32_t> special_token(OwnedModel& self, const std::string& kind) {
  const auto chosen = choice<llava::SpecialToken>("kind", kind,
                                                  {{"bos", llava::SpecialToken::bos},
                                                   {"eos", llava::SpecialToken::eos},
                                                   {"unk", llava::SpecialToken::unk},
                                                   {"pad", llava::SpecialToken::pad},
                                                   {"image", llava::SpecialToken::image}});
  const auto id = self.use("Model")->special_token(chosen);
  if (id < 0) return std::nullopt;
  return id;
}

void add_template_calls(py::module_& module) {
  module.def("template_names", &llava::template_names);
  module.def(
      "count_tokens",
      [](OwnedModel& self, const OwnedMessages& messages) {
        auto model = self.use("Model");
        const auto given = messages_of(messages);
        return unlocked([&] { return model->count_tokens(given); });
      },
      py::arg("model"), py::arg("messages"));
  module.def(
      "apply_template",
      [](OwnedModel& self, const OwnedMessages& messages, const std::string& name, bool generation_prompt,
         const std::optional<std::string>& system) {
        auto model = self.use("Model");
        const auto given = messages_of(messages);
        const auto options = template_options(name, generation_prompt, system);
        return unlocked([&] { return model->apply_template(given, options); });
      },
      py::arg("model"), py::arg("messages"), py::arg("template"), py::arg("generation_prompt"), py::arg("system"));
  module.def(
      "prompt_ids",
      [](OwnedModel& self, const OwnedMessages& messages, const std::string& name, bool generation_prompt,
         const std::optional<std::string>& system) {
        auto model = self.use("Model");
        const auto given = messages_of(messages);
        const auto options = template_options(name, generation_prompt, system);
        return unlocked([&] { return model->prompt_ids(given, options); });
      },
      py::arg("model"), py::arg("messages"), py::arg("template"), py::arg("generation_prompt"), py::arg("system"));
}

void add_decoder(py::module_& module) {
  using OwnedDecoder = Owned<llava::Decoder>;
  py::class_<OwnedDecoder> decoder(module, "Decoder");
  decoder
      .def(py::init([](OwnedModel& model, bool special) {
             return std::make_unique<OwnedDecoder>(llava::Decoder(*model.use("Model"), special));
           }),
           py::arg("model"), py::arg("special"))
      .def(
          "push", [](OwnedDecoder& self, int32_t id) { return std::string(self.use("Decoder")->push(id)); },
          py::arg("id"))
      .def("flush", [](OwnedDecoder& self) { return std::string(self.use("Decoder")->flush()); });
  add_close<llava::Decoder>(decoder);
}

}  // namespace

void add_tokenizer(py::module_& module) {
  module.def(
      "tokenize",
      [](OwnedModel& self, const std::string& text, bool bos) {
        auto model = self.use("Model");
        return unlocked([&] { return model->tokenize(text, bos); });
      },
      py::arg("model"), py::arg("text"), py::arg("bos"));
  module.def(
      "detokenize",
      [](OwnedModel& self, const std::vector<int32_t>& ids, bool special) {
        auto model = self.use("Model");
        return unlocked([&] { return model->detokenize(ids, special); });
      },
      py::arg("model"), py::arg("ids"), py::arg("special"));
  module.def(
      "token_text", [](OwnedModel& self, int32_t id) { return self.use("Model")->token_text(id); }, py::arg("model"),
      py::arg("id"));
  module.def("special_token", &special_token, py::arg("model"), py::arg("kind"));
  add_template_calls(module);
  add_decoder(module);
}

}  // namespace llava_python

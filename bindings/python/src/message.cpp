// Turns of a dialogue, and encoded pictures.
#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedMessage = Owned<llava::Message>;
using OwnedEmbedding = Owned<llava::Embedding>;

const char* name_of(llava::Role role) {
  return role == llava::Role::system ? "system" : role == llava::Role::user ? "user" : "assistant";
}

std::unique_ptr<OwnedMessage> create(const std::string& role) {
  const auto chosen = choice<llava::Role>(
      "role", role,
      {{"system", llava::Role::system}, {"user", llava::Role::user}, {"assistant", llava::Role::assistant}});
  return std::make_unique<OwnedMessage>(llava::Message(chosen));
}

// Texts and pictures as they stand; None for an encoded picture.
py::list parts_of(OwnedMessage& self) {
  auto message = self.use("Message");
  py::list parts;
  for (int32_t i = 0; i < message->part_count(); ++i) {
    const auto text = message->text(i);
    auto image = text.empty() ? message->image(i) : llava::Image();
    if (image)
      parts.append(py::cast(std::make_unique<Owned<llava::Image>>(std::move(image))));
    else
      parts.append(text.empty() ? py::object(py::none()) : py::object(py::str(text.data(), text.size())));
  }
  return parts;
}

py::dict info_of(OwnedEmbedding& self) {
  const auto desc = self.use("Embedding")->info();
  py::dict out;
  out["tokens"] = desc.tokens;
  out["width"] = desc.width;
  out["projected"] = desc.output == LLAVA_ENCODE_PROJECTED;
  out["image_sha256"] = desc.image_sha256;
  out["model_fingerprint"] = desc.model_fingerprint;
  return out;
}

void add_embedding(py::module_& module) {
  py::class_<OwnedEmbedding> embedding(module, "Embedding");
  embedding.def("info", &info_of)
      .def("tensor", [](OwnedEmbedding& self) { return std::make_shared<Tensor>(self.use("Embedding")->tensor()); })
      .def(
          "save",
          [](OwnedEmbedding& self, const std::string& path) {
            auto embedding = self.use("Embedding");
            unlocked([&] { embedding->save(path); });
          },
          py::arg("path"));
  add_close<llava::Embedding>(embedding);
}

}  // namespace

std::vector<llava::Message> messages_of(const std::vector<OwnedMessage*>& given) {
  std::vector<llava::Message> messages;
  for (auto* message : given) messages.push_back(*message->use("Message"));
  return messages;
}

void add_message(py::module_& module) {
  add_embedding(module);
  py::class_<OwnedMessage> message(module, "Message");
  message.def(py::init(&create), py::arg("role"))
      .def_static(
          "from_json",
          [](const std::string& json) { return std::make_unique<OwnedMessage>(llava::Message::from_json(json)); },
          py::arg("json"))
      .def(
          "add_text", [](OwnedMessage& self, const std::string& text) { self.use("Message")->add(text); },
          py::arg("text"))
      .def(
          "add_image",
          [](OwnedMessage& self, Owned<llava::Image>& image) { self.use("Message")->add(*image.use("Image")); },
          py::arg("image"))
      .def(
          "add_embedding",
          [](OwnedMessage& self, OwnedEmbedding& embedding) { self.use("Message")->add(*embedding.use("Embedding")); },
          py::arg("embedding"))
      .def("role", [](OwnedMessage& self) { return name_of(self.use("Message")->role()); })
      .def("text", [](OwnedMessage& self) { return self.use("Message")->text(); })
      .def("parts", &parts_of)
      .def("to_json", [](OwnedMessage& self) { return self.use("Message")->to_json(); });
  add_close<llava::Message>(message);
}

}  // namespace llava_python

// Dialogues.
#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedModel = Owned<llava::Model>;
using OwnedMessage = Owned<llava::Message>;
using OwnedSession = Owned<llava::Session>;
using OwnedCancel = Owned<llava::Cancel>;
using Text = std::optional<std::string>;

llava::SessionOptions session_options(const Text& system, const std::string& name, int64_t max_context,
                                      const Text& adapter, float adapter_scale) {
  llava::SessionOptions options;
  options.has_system = system.has_value();
  options.system = system.value_or("");
  options.template_name = name;
  options.max_context = max_context;
  options.adapter = adapter;
  options.adapter_scale = adapter_scale;
  return options;
}

std::unique_ptr<OwnedSession> create(OwnedModel& given, const Text& json, const Text& system, const std::string& name,
                                     int64_t max_context, const Text& adapter, float adapter_scale) {
  const auto options = session_options(system, name, max_context, adapter, adapter_scale);
  auto model = given.use("Model");
  return std::make_unique<OwnedSession>(unlocked(
      [&] { return json ? llava::Session::from_json(*model, *json, options) : llava::Session(*model, options); }));
}

// No message: answers what was added last.
std::unique_ptr<Owned<llava::Response>> chat(OwnedSession& self, OwnedMessage* message, const py::dict& given) {
  auto options = chat_options(given);
  if (!options.cancel) options.cancel = llava::Cancel::create();
  auto session = self.use("Session");
  const auto question = message ? *message->use("Message") : llava::Message();
  return std::make_unique<Owned<llava::Response>>(blocking(
      stop_of(options.cancel), [&] { return message ? session->chat(question, options) : session->answer(options); }));
}

std::unique_ptr<Owned<llava::Stream>> stream(OwnedSession& self, OwnedMessage* message, const py::dict& given) {
  const auto options = chat_options(given);
  if (options.on_event) throw py::type_error("on_event is an option of chat(); a stream hands its events out itself");
  auto session = self.use("Session");
  const auto question = message ? *message->use("Message") : llava::Message();
  return std::make_unique<Owned<llava::Stream>>(
      unlocked([&] { return message ? session->stream(question, options) : session->stream_answer(options); }));
}

void append(OwnedSession& self, OwnedMessage& message, OwnedCancel* cancel) {
  const auto token = token_of(cancel);
  auto session = self.use("Session");
  auto added = message.use("Message");
  blocking(stop_of(token), [&] { session->append(*added, token); });
}

void append_ids(OwnedSession& self, const std::vector<int32_t>& ids,
                const std::vector<Owned<llava::Embedding>*>& embeddings, OwnedCancel* cancel) {
  const auto token = token_of(cancel);
  auto session = self.use("Session");
  std::vector<llava::Embedding> rows;
  for (auto* embedding : embeddings) rows.push_back(*embedding->use("Embedding"));
  blocking(stop_of(token), [&] { session->append_ids(ids, rows, token); });
}

py::dict stats_of(OwnedSession& self) {
  const auto usage = self.use("Session")->stats();
  py::dict out;
  out["turns"] = usage.turns;
  out["tokens"] = usage.tokens;
  out["limit"] = usage.limit;
  out["tokens_computed"] = usage.tokens_computed;
  out["images_encoded"] = usage.images_encoded;
  out["image_hits"] = usage.image_hits;
  out["cache_bytes"] = usage.cache_bytes;
  return out;
}

// A call without the GIL that gives back what `call(session)` gives.
template <typename Call>
auto quick(OwnedSession& self, Call&& call) {
  auto session = self.use("Session");
  return unlocked([&] { return call(*session); });
}

}  // namespace

void add_session(py::module_& module) {
  py::class_<OwnedSession> session(module, "Session");
  session
      .def(py::init(&create), py::arg("model"), py::arg("json"), py::arg("system"), py::arg("template"),
           py::arg("max_context"), py::arg("adapter"), py::arg("adapter_scale"))
      .def_static(
          "load",
          [](OwnedModel& given, const std::string& path) {
            auto model = given.use("Model");
            return std::make_unique<OwnedSession>(unlocked([&] { return llava::Session::load(*model, path); }));
          },
          py::arg("model"), py::arg("path"))
      .def("chat", &chat, py::arg("message"), py::arg("options"))
      .def("stream", &stream, py::arg("message"), py::arg("options"))
      .def("append", &append, py::arg("message"), py::arg("cancel"))
      .def("append_ids", &append_ids, py::arg("ids"), py::arg("embeddings"), py::arg("cancel"))
      .def("reset", [](OwnedSession& self) { quick(self, [](auto& s) { s.reset(); }); })
      .def(
          "rewind", [](OwnedSession& self, int32_t turns) { quick(self, [&](auto& s) { s.rewind(turns); }); },
          py::arg("turns"))
      .def("fork",
           [](OwnedSession& self) {
             return std::make_unique<OwnedSession>(quick(self, [](auto& s) { return s.fork(); }));
           })
      .def("turn_count", [](OwnedSession& self) { return self.use("Session")->turn_count(); })
      .def(
          "turn",
          [](OwnedSession& self, int32_t index) {
            return std::make_unique<OwnedMessage>(quick(self, [&](auto& s) { return s.turn(index); }));
          },
          py::arg("index"))
      .def("stats", &stats_of)
      .def("history_json", [](OwnedSession& self) { return quick(self, [](auto& s) { return s.history_json(); }); })
      .def(
          "save", [](OwnedSession& self, const std::string& path) { quick(self, [&](auto& s) { s.save(path); }); },
          py::arg("path"));
  add_close<llava::Session>(session);
}

}  // namespace llava_python

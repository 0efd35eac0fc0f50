// Options of an answer, its events, the stream that pulls them, the answer.
#include <cmath>

#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedStream = Owned<llava::Stream>;
using OwnedResponse = Owned<llava::Response>;

// What Python calls the types of options, for messages.
template <typename Value>
const char* expected_type() {
  if (std::is_same_v<Value, bool>) return "True or False";
  if (std::is_same_v<Value, int32_t>) return "an integer of 32 bits";
  if (std::is_same_v<Value, int64_t>) return "an integer of 64 bits";
  if (std::is_same_v<Value, float>) return "a number";
  if (std::is_same_v<Value, std::vector<std::string>>) return "a list of texts";
  if (std::is_same_v<Value, std::vector<int32_t>>) return "a list of token ids";
  return std::is_same_v<Value, std::optional<std::string>> ? "a text" : "pairs of a token id and a number";
}

// Takes the keywords out of a call one by one.
class Keywords {
 public:
  explicit Keywords(const py::dict& given) : given_(given) {}

  template <typename Value>
  void take(const char* name, Value& to) {
    const auto value = find(name);
    if (!value || value.is_none()) return;
    try {
      to = value.template cast<Value>();
    } catch (const py::cast_error&) {
      throw py::type_error(std::string(name) + " is " + py::repr(value).cast<std::string>() + ", expected " +
                           expected_type<Value>());
    }
  }

  py::object find(const char* name) {
    names_.push_back(name);
    return given_.contains(name) ? py::object(given_[name]) : py::object();
  }

  // TypeError for a keyword that nobody took.
  void finish() const {
    for (const auto& item : given_) {
      const auto name = py::str(item.first).cast<std::string>();
      if (std::find(names_.begin(), names_.end(), name) == names_.end())
        throw py::type_error("'" + name + "' is no option of an answer; see llava.ChatOptions");
    }
  }

 private:
  const py::dict& given_;
  std::vector<std::string> names_;
};

// None goes on, "stop" ends the answer, "discard" takes it back. The function is borrowed: it lives as long as the call.
std::function<llava::Reply(const llava::Event&)> on_event_of(const py::object& callable) {
  if (!callable || callable.is_none()) return {};
  return [function = py::handle(callable)](const llava::Event& event) {
    const WithGil gil;
    const py::object answer = function(event);
    if (answer.is_none()) return llava::Reply::go_on;
    return choice<llava::Reply>("the answer of on_event", py::str(answer).cast<std::string>(),
                                {{"stop", llava::Reply::stop}, {"discard", llava::Reply::discard}});
  };
}

const char* type_of(const llava::Event& event) {
  static constexpr const char* kNames[] = {"image_encoded", "prefill", "text", "token", "done"};
  return kNames[static_cast<std::size_t>(event.type())];
}

py::str text_of(const llava::Event& event) {
  const auto text = event.text();
  return py::str(text.data(), text.size());
}

void add_event(py::module_& module) {
  py::class_<llava::Event>(module, "Event",
                           "One thing that happened while an answer was made; str() of it is its text.")
      .def_property_readonly("type", &type_of)
      .def_property_readonly("text", &text_of)
      .def_property_readonly("token",
                             [](const llava::Event& self) -> std::optional<int32_t> {
                               if (self.token() < 0) return std::nullopt;
                               return self.token();
                             })
      .def_property_readonly("logprob",
                             [](const llava::Event& self) -> std::optional<double> {
                               if (std::isnan(self.logprob()) || self.token() < 0) return std::nullopt;
                               return self.logprob();
                             })
      .def_property_readonly("progress", &llava::Event::progress)
      .def_property_readonly("index",
                             [](const llava::Event& self) -> std::optional<int64_t> {
                               if (self.index() < 0) return std::nullopt;
                               return self.index();
                             })
      .def("__str__", &text_of)
      .def("__repr__", [](const llava::Event& self) {
        std::string text = "<llava.Event " + std::string(type_of(self));
        if (!self.text().empty()) text += " " + py::repr(text_of(self)).cast<std::string>();
        if (self.token() >= 0) text += " token " + std::to_string(self.token());
        if (self.progress() > 0) text += " " + std::to_string(std::lround(100 * self.progress())) + " %";
        return text + ">";
      });
}

py::dict usage_of(OwnedResponse& self) {
  const auto usage = self.use("Response")->usage();
  py::dict out;
  out["prompt_tokens"] = usage.prompt_tokens;
  out["image_tokens"] = usage.image_tokens;
  out["cached_tokens"] = usage.cached_tokens;
  out["completion_tokens"] = usage.completion_tokens;
  out["preprocess_ms"] = usage.preprocess_ms;
  out["encode_ms"] = usage.encode_ms;
  out["prompt_ms"] = usage.prompt_ms;
  out["prefill_ms"] = usage.prefill_ms;
  out["first_token_ms"] = usage.first_token_ms;
  out["decode_ms"] = usage.decode_ms;
  out["total_ms"] = usage.total_ms;
  out["tokens_per_second"] = usage.tokens_per_second;
  return out;
}

void add_response(py::module_& module) {
  py::class_<OwnedResponse> response(module, "Response");
  response.def("text", [](OwnedResponse& self) { return self.use("Response")->text(); })
      .def("finish_reason", [](OwnedResponse& self) { return self.use("Response")->finish_reason_name(); })
      .def("tokens", [](OwnedResponse& self) { return self.use("Response")->tokens(); })
      .def("logprobs_json", [](OwnedResponse& self) { return self.use("Response")->logprobs_json(); })
      .def("seed", [](OwnedResponse& self) { return self.use("Response")->seed(); })
      .def("usage", &usage_of)
      .def("to_json", [](OwnedResponse& self) { return self.use("Response")->to_json(); });
  add_close<llava::Response>(response);
}

Stop stop_of_stream(const llava::Stream& stream) {
  return [stream] { llava_stream_cancel(stream.get()); };
}

// The next event; None at the end.
std::optional<llava::Event> next(OwnedStream& self) {
  auto stream = self.use("Stream");
  llava::Event event;
  const auto found = blocking(stop_of_stream(*stream), [&] { return stream->next(event); });
  if (found == llava::Stream::Next::end) return std::nullopt;
  return event;
}

void add_stream(py::module_& module) {
  py::class_<OwnedStream>(module, "Stream")
      .def("next", &next)
      .def("cancel", [](OwnedStream& self) { self.use("Stream")->cancel(); })
      .def(
          "finish",
          [](OwnedStream& self) {
            auto stream = self.use("Stream");
            return std::make_unique<OwnedResponse>(blocking(stop_of_stream(*stream), [&] { return stream->finish(); }));
          })
      .def("close", [](OwnedStream& self) { self.close([](llava::Stream& stream) { stream.cancel(); }); })
      .def_property_readonly("closed", &OwnedStream::closed);
}

}  // namespace

llava::ChatOptions chat_options(const py::dict& given) {
  llava::ChatOptions options;
  Keywords keywords(given);
  keywords.take("max_tokens", options.max_tokens);
  keywords.take("min_tokens", options.min_tokens);
  keywords.take("temperature", options.temperature);
  keywords.take("top_p", options.top_p);
  keywords.take("min_p", options.min_p);
  keywords.take("top_k", options.top_k);
  keywords.take("repetition_penalty", options.repetition_penalty);
  keywords.take("seed", options.seed);
  keywords.take("stop", options.stop);
  keywords.take("stop_ids", options.stop_ids);
  keywords.take("bad_ids", options.bad_ids);
  keywords.take("logit_bias", options.logit_bias);
  keywords.take("include_stop", options.include_stop);
  keywords.take("ignore_eos", options.ignore_eos);
  keywords.take("logprobs", options.logprobs);
  keywords.take("keep_on_cancel", options.keep_on_cancel);
  keywords.take("timeout_ms", options.timeout_ms);
  keywords.take("adapter", options.adapter);
  keywords.take("adapter_scale", options.adapter_scale);
  options.on_event = on_event_of(keywords.find("on_event"));
  const auto cancel = keywords.find("cancel");
  if (cancel && !cancel.is_none()) options.cancel = token_of(cancel.cast<Owned<llava::Cancel>*>());
  keywords.finish();
  return options;
}

void add_chat(py::module_& module) {
  add_event(module);
  add_response(module);
  add_stream(module);
}

}  // namespace llava_python

// Cancel tokens, versions, the log's level, devices, memory.
#include "parts.hpp"

namespace llava_python {
namespace {

py::dict device_dict(const llava_device_desc& desc) {
  py::dict out;
  out["id"] = desc.id;
  out["name"] = desc.name;
  out["threads"] = desc.threads;
  out["total_bytes"] = desc.total_bytes;
  out["free_bytes"] = desc.free_bytes;
  return out;
}

py::dict memory_dict(const std::string& device) {
  const auto usage = llava::device_memory(llava::parse_device(device));
  py::dict out;
  out["used_bytes"] = usage.used_bytes;
  out["cached_bytes"] = usage.cached_bytes;
  out["peak_bytes"] = usage.peak_bytes;
  out["free_bytes"] = usage.free_bytes;
  return out;
}

py::list status_names() {
  py::list names;
  for (llava_status status = 0; status < 100; ++status) {
    const std::string name = llava_status_name(status);
    if (name != "UNKNOWN") names.append(py::make_tuple(name, status));
  }
  return names;
}

}  // namespace

std::function<bool(const llava::LoadProgress&)> progress_of(const py::object& callable) {
  if (callable.is_none()) return {};
  return [function = py::handle(callable)](const llava::LoadProgress& progress) {
    const WithGil gil;
    const py::object answer =
        function(py::str(progress.phase), progress.bytes_done, progress.bytes_total, py::str(progress.item));
    return !answer.is(py::bool_(false));
  };
}

void add_base(py::module_& module) {
  py::class_<Owned<llava::Cancel>> cancel(module, "Cancel");
  cancel.def(py::init([] { return std::make_unique<Owned<llava::Cancel>>(llava::Cancel::create()); }))
      .def("cancel", [](Owned<llava::Cancel>& self) { self.use("Cancel")->cancel(); })
      .def("reset", [](Owned<llava::Cancel>& self) { self.use("Cancel")->reset(); })
      .def("is_cancelled", [](Owned<llava::Cancel>& self) { return self.use("Cancel")->is_cancelled(); })
      .def(
          "set_deadline_ms",
          [](Owned<llava::Cancel>& self, int64_t timeout_ms) { self.use("Cancel")->set_deadline_ms(timeout_ms); },
          py::arg("timeout_ms"));
  add_close<llava::Cancel>(cancel);

  module.def("check_abi", [] { llava::detail::check(LLAVA_CHECK_ABI()); });
  module.def("version", &llava::version);
  module.def("build_info_json", &llava::build_info_json);
  module.def("has_feature", &llava::has_feature, py::arg("name"));
  module.def("live_objects_json", &llava::live_objects_json);
  module.def("status_names", &status_names);
  module.def(
      "status_is_retryable", [](llava_status status) { return llava_status_is_retryable(status) != 0; },
      py::arg("status"));
  module.def(
      "set_log_level",
      [](const std::string& level) {
        const auto chosen = choice<llava::LogLevel>("level", level,
                                                    {{"debug", llava::LogLevel::debug},
                                                     {"info", llava::LogLevel::info},
                                                     {"warning", llava::LogLevel::warning},
                                                     {"error", llava::LogLevel::error},
                                                     {"off", llava::LogLevel::off}});
        unlocked([&] { set_log_level(chosen); });
      },
      py::arg("level"));
  module.def("devices", [] {
    py::list all;
    for (const auto& desc : llava::devices()) all.append(device_dict(desc));
    return all;
  });
  module.def("device_memory", &memory_dict, py::arg("device"));
  module.def(
      "device_bandwidth",
      [](const std::string& device) {
        const auto number = llava::parse_device(device);
        return unlocked([&] { return llava::device_bandwidth(number); });
      },
      py::arg("device"));
  module.def("trim", [] { unlocked([] { llava::trim(); }); });
  module.def(
      "set_threads", [](int32_t threads) { unlocked([&] { llava::set_threads(threads); }); }, py::arg("threads"));
}

}  // namespace llava_python

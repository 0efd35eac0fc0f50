// Checkpoints written: saved, converted, merged; training data looked at.
#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedModel = Owned<llava::Model>;
using OwnedCancel = Owned<llava::Cancel>;

llava::SaveOptions save_options(const py::kwargs& given) {
  llava::SaveOptions options;
  options.layout = choice<llava::Layout>(
      "layout", given["layout"].cast<std::string>(),
      {{"keep", llava::Layout::keep}, {"hf", llava::Layout::hf}, {"original", llava::Layout::original}});
  options.dtype = dtype_named(given["dtype"].cast<std::string>());
  options.overwrite = given["overwrite"].cast<bool>();
  options.shard_bytes = given["shard_bytes"].cast<int64_t>();
  options.vision_tower = given["vision_tower"].cast<std::string>();
  options.projector = given["projector"].cast<std::string>();
  return options;
}

// Calls `call(options)` with what the four ways of writing share.
template <typename Call>
void write(const py::object& progress, OwnedCancel* cancel, const py::kwargs& given, Call&& call) {
  auto options = save_options(given);
  options.progress = progress_of(progress);
  options.cancel = token_of(cancel);
  blocking(stop_of(options.cancel), [&] { call(options); });
}

std::string check_dataset(const std::string& path, const std::string& model_path, const py::object& progress,
                          OwnedCancel* cancel, const py::kwargs& given) {
  llava::DatasetOptions options;
  options.labels = choice<llava::Labels>("labels", given["labels"].cast<std::string>(),
                                         {{"spans", llava::Labels::spans}, {"upstream", llava::Labels::upstream}});
  options.image_place = choice<llava::ImagePlace>("image_place", given["image_place"].cast<std::string>(),
                                                  {{"first", llava::ImagePlace::first},
                                                   {"as-written", llava::ImagePlace::as_written},
                                                   {"random", llava::ImagePlace::random}});
  options.pictures = choice<llava::PictureCheck>("pictures", given["pictures"].cast<std::string>(),
                                                 {{"whole", llava::PictureCheck::whole},
                                                  {"header", llava::PictureCheck::header},
                                                  {"skip", llava::PictureCheck::skip}});
  options.allow_outside = given["allow_outside"].cast<bool>();
  options.threads = given["threads"].cast<int32_t>();
  options.max_length = given["max_length"].cast<int64_t>();
  options.seed = given["seed"].cast<int64_t>();
  options.image_root = given["image_root"].cast<std::string>();
  options.template_name = given["template"].cast<std::string>();
  options.progress = progress_of(progress);
  options.cancel = token_of(cancel);
  return blocking(stop_of(options.cancel), [&] { return llava::check_dataset_json(path, model_path, options); });
}

}  // namespace

void add_checkpoint(py::module_& module) {
  using Text = const std::string&;
  using Progress = const py::object&;
  module.def(
      "save",
      [](OwnedModel& self, Text target, Progress progress, OwnedCancel* cancel, const py::kwargs& given) {
        auto model = self.use("Model");
        write(progress, cancel, given, [&](const auto& options) { llava::save(*model, target, options); });
      },
      py::arg("model"), py::arg("target"), py::arg("progress"), py::arg("cancel"));
  module.def(
      "convert",
      [](Text path, Text target, Progress progress, OwnedCancel* cancel, const py::kwargs& given) {
        write(progress, cancel, given, [&](const auto& options) { llava::convert(path, target, options); });
      },
      py::arg("path"), py::arg("target"), py::arg("progress"), py::arg("cancel"));
  module.def(
      "merge_delta",
      [](Text base, Text delta, Text target, Progress progress, OwnedCancel* cancel, const py::kwargs& given) {
        write(progress, cancel, given, [&](const auto& options) { llava::merge_delta(base, delta, target, options); });
      },
      py::arg("base"), py::arg("delta"), py::arg("target"), py::arg("progress"), py::arg("cancel"));
  module.def(
      "merge_adapter",
      [](OwnedModel& self, Owned<llava::Adapter>& added, float scale, Text target, Progress progress,
         OwnedCancel* cancel, const py::kwargs& given) {
        auto model = self.use("Model");
        auto adapter = added.use("Adapter");
        write(progress, cancel, given,
              [&](const auto& options) { llava::merge_adapter(*model, *adapter, scale, target, options); });
      },
      py::arg("model"), py::arg("adapter"), py::arg("scale"), py::arg("target"), py::arg("progress"),
      py::arg("cancel"));
  module.def("check_dataset_json", &check_dataset, py::arg("path"), py::arg("model_path"), py::arg("progress"),
             py::arg("cancel"));
}

}  // namespace llava_python

// Models: loading, encoding, the language model as a function, LoRAs.
#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedModel = Owned<llava::Model>;
using OwnedImage = Owned<llava::Image>;
using OwnedEmbedding = Owned<llava::Embedding>;
using OwnedAdapter = Owned<llava::Adapter>;
using OwnedCancel = Owned<llava::Cancel>;
using Name = std::optional<std::string>;

llava::LoadOptions load_options(const py::kwargs& given) {
  llava::LoadOptions options;
  options.device = given["device"].cast<std::string>();
  options.dtype = dtype_named(given["dtype"].cast<std::string>());
  options.template_name = given["template"].cast<std::string>();
  options.max_context = given["max_context"].cast<int64_t>();
  options.verify = given["verify"].cast<bool>();
  options.vision_tower = given["vision_tower"].cast<std::string>();
  options.projector = given["projector"].cast<std::string>();
  options.adapter = given["adapter"].cast<std::string>();
  options.adapter_scale = given["adapter_scale"].cast<float>();
  options.allow_pickle = given["allow_pickle"].cast<bool>();
  options.no_mmap = !given["mmap"].cast<bool>();
  options.tile_rule = choice<llava::TileRule>(
      "tile_rule", given["tile_rule"].cast<std::string>(),
      {{"auto", llava::TileRule::automatic}, {"original", llava::TileRule::original}, {"hf", llava::TileRule::hf}});
  return options;
}

std::unique_ptr<OwnedModel> load(const std::string& path, const py::object& progress, OwnedCancel* cancel,
                                 const py::kwargs& given) {
  auto options = load_options(given);
  options.progress = progress_of(progress);
  options.cancel = token_of(cancel);
  return std::make_unique<OwnedModel>(blocking(stop_of(options.cancel), [&] { return llava::load(path, options); }));
}

std::string plan(const std::string& path, const py::kwargs& given) {
  const auto options = load_options(given);
  return unlocked([&] { return llava::plan_json(path, options); });
}

py::dict limits_of(OwnedModel& self) {
  const auto limits = self.use("Model")->limits();
  py::dict out;
  out["context"] = limits.context;
  out["tokens_per_image"] = limits.tokens_per_image;
  out["image_size"] = limits.image_size;
  out["vocabulary"] = limits.vocabulary;
  out["width"] = limits.width;
  out["layers"] = limits.layers;
  out["vision_width"] = limits.vision_width;
  out["vision_layers"] = limits.vision_layers;
  out["image_count"] = limits.image_count;
  return out;
}

py::dict memory_of(OwnedModel& self) {
  const auto usage = self.use("Model")->memory();
  py::dict out;
  out["device"] = llava::device_info(usage.device).id;
  out["weight_bytes"] = usage.weight_bytes;
  out["cache_bytes_per_token"] = usage.cache_bytes_per_token;
  return out;
}

std::vector<std::unique_ptr<OwnedEmbedding>> encode(OwnedModel& self, const std::vector<OwnedImage*>& images,
                                                    bool features, std::optional<int32_t> layer,
                                                    std::optional<bool> class_token, const Name& adapter,
                                                    float adapter_scale, OwnedCancel* cancel) {
  llava::EncodeOptions options;
  options.features = features;
  if (layer) options.layer = *layer;
  if (class_token) options.class_token = *class_token;
  options.adapter = adapter;
  options.adapter_scale = adapter_scale;
  options.cancel = token_of(cancel);
  std::vector<llava::Image> pictures;
  for (auto* image : images) pictures.push_back(*image->use("Image"));
  auto model = self.use("Model");
  const auto made = blocking(stop_of(options.cancel), [&] { return model->encode(pictures, options); });
  std::vector<std::unique_ptr<OwnedEmbedding>> out;
  for (const auto& embedding : made) out.push_back(std::make_unique<OwnedEmbedding>(embedding));
  return out;
}

std::shared_ptr<Tensor> forward(OwnedModel& self, const std::vector<int32_t>& ids,
                                const std::vector<OwnedEmbedding*>& embeddings, bool hidden, bool last_only,
                                const Name& adapter, float adapter_scale, OwnedCancel* cancel) {
  llava::ForwardOptions options;
  options.hidden = hidden;
  options.last_only = last_only;
  options.adapter = adapter;
  options.adapter_scale = adapter_scale;
  options.cancel = token_of(cancel);
  std::vector<llava::Embedding> rows;
  for (auto* embedding : embeddings) rows.push_back(*embedding->use("Embedding"));
  auto model = self.use("Model");
  return std::make_shared<Tensor>(
      blocking(stop_of(options.cancel), [&] { return model->forward(ids, rows, options); }));
}

std::shared_ptr<Tensor> preprocess(OwnedModel& self, OwnedImage& image, OwnedCancel* cancel) {
  const auto token = token_of(cancel);
  auto model = self.use("Model");
  auto picture = image.use("Image");
  return std::make_shared<Tensor>(blocking(stop_of(token), [&] { return model->preprocess(*picture, token); }));
}

std::unique_ptr<OwnedAdapter> load_adapter(OwnedModel& self, const std::string& path, const std::string& name,
                                           bool verify, OwnedCancel* cancel) {
  llava::AdapterOptions options;
  options.name = name;
  options.verify = verify;
  options.cancel = token_of(cancel);
  auto model = self.use("Model");
  return std::make_unique<OwnedAdapter>(
      blocking(stop_of(options.cancel), [&] { return llava::Adapter(*model, path, options); }));
}

void add_adapter(py::module_& module, py::class_<OwnedModel>& model) {
  py::class_<OwnedAdapter> adapter(module, "Adapter");
  adapter.def("info_json", [](OwnedAdapter& self) { return self.use("Adapter")->info_json(); });
  add_close<llava::Adapter>(adapter);
  model.def("load_adapter", &load_adapter, py::arg("path"), py::arg("name"), py::arg("verify"), py::arg("cancel"))
      .def(
          "attach",
          [](OwnedModel& self, OwnedAdapter& given, float scale) {
            auto model = self.use("Model");
            auto adapter = given.use("Adapter");
            unlocked([&] { llava::attach(*model, *adapter, scale); });
          },
          py::arg("adapter"), py::arg("scale"))
      .def("detach", [](OwnedModel& self) {
        auto model = self.use("Model");
        unlocked([&] { llava::detach(*model); });
      });
}

}  // namespace

void add_model(py::module_& module) {
  module.def("plan_json", &plan, py::arg("path"));
  py::class_<OwnedModel> model(module, "Model");
  model.def_static("load", &load, py::arg("path"), py::arg("progress"), py::arg("cancel"))
      .def("info_json", [](OwnedModel& self) { return self.use("Model")->info_json(); })
      .def("limits", &limits_of)
      .def("memory", &memory_of)
      .def(
          "image_tokens",
          [](OwnedModel& self, OwnedImage& image) { return self.use("Model")->image_tokens(*image.use("Image")); },
          py::arg("image"))
      .def("preprocess", &preprocess, py::arg("image"), py::arg("cancel"))
      .def("encode", &encode, py::arg("images"), py::arg("features"), py::arg("layer"), py::arg("class_token"),
           py::arg("adapter"), py::arg("adapter_scale"), py::arg("cancel"))
      .def("forward", &forward, py::arg("ids"), py::arg("embeddings"), py::arg("hidden"), py::arg("last_only"),
           py::arg("adapter"), py::arg("adapter_scale"), py::arg("cancel"))
      .def(
          "embedding",
          [](OwnedModel& self, const Tensor& rows) {
            auto model = self.use("Model");
            return std::make_unique<OwnedEmbedding>(unlocked([&] { return llava::Embedding(*model, rows.tensor); }));
          },
          py::arg("rows"))
      .def(
          "load_embedding",
          [](OwnedModel& self, const std::string& path) {
            auto model = self.use("Model");
            return std::make_unique<OwnedEmbedding>(unlocked([&] { return llava::Embedding::load(*model, path); }));
          },
          py::arg("path"));
  add_close<llava::Model>(model);
  add_adapter(module, model);
}

}  // namespace llava_python

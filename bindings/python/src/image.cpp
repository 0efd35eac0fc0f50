// Pictures: from files, memory, data URIs, pixels of arrays; pixels out.
#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedImage = Owned<llava::Image>;

// Bytes of the library's making, with a shape.
struct Pixels {
  std::vector<uint8_t> bytes;
  std::vector<py::ssize_t> shape;
};

llava::ImageOptions options_of(bool apply_exif, int64_t max_pixels, int64_t max_bytes, const llava::Cancel& cancel) {
  llava::ImageOptions options;
  options.apply_exif = apply_exif;
  options.max_pixels = max_pixels;
  options.max_bytes = max_bytes;
  options.cancel = cancel;
  return options;
}

std::unique_ptr<OwnedImage> from_file(const std::string& path, bool exif, int64_t max_pixels, int64_t max_bytes) {
  const auto cancel = llava::Cancel::create();
  const auto options = options_of(exif, max_pixels, max_bytes, cancel);
  return std::make_unique<OwnedImage>(blocking(stop_of(cancel), [&] { return llava::Image(path, options); }));
}

std::unique_ptr<OwnedImage> from_uri(const std::string& uri, bool exif, int64_t max_pixels, int64_t max_bytes) {
  const auto cancel = llava::Cancel::create();
  const auto options = options_of(exif, max_pixels, max_bytes, cancel);
  return std::make_unique<OwnedImage>(
      blocking(stop_of(cancel), [&] { return llava::Image::from_data_uri(uri, options); }));
}

std::unique_ptr<OwnedImage> from_memory(const py::object& object, bool exif, int64_t max_pixels, int64_t max_bytes) {
  const auto view = view_of(object, "image");
  if (view.shape.size() != 1 || view.item_bytes != 1 || !view.dense())
    throw py::value_error("image is " + view.text() + ", expected the bytes of a picture file in one dimension");
  const auto cancel = llava::Cancel::create();
  const auto options = options_of(exif, max_pixels, max_bytes, cancel);
  return std::make_unique<OwnedImage>(blocking(stop_of(cancel), [&] {
    return llava::Image::from_memory(view.data, static_cast<std::size_t>(view.shape[0]), options);
  }));
}

llava::PixelFormat format_of(const ArrayView& view) {
  const auto rank = view.shape.size();
  const auto channels = rank == 3 ? view.shape[2] : rank == 2 ? 1 : 0;
  if (view.dtype == "uint8" && channels == 1) return llava::PixelFormat::gray8;
  if (view.dtype == "uint8" && channels == 3) return llava::PixelFormat::rgb24;
  if (view.dtype == "uint8" && channels == 4) return llava::PixelFormat::rgba32;
  const bool planes = rank == 3 && (view.shape[0] == 1 || view.shape[0] == 3 || view.shape[0] == 4);
  throw py::value_error("image is " + view.text() + ", expected uint8 [height, width, 3] (or 4, 1, or none)" +
                        (planes ? "; for planes use .permute(1, 2, 0) or .transpose(1, 2, 0)" : ""));
}

std::unique_ptr<OwnedImage> from_pixels(const py::object& object) {
  const auto view = view_of(object, "image");
  const auto format = format_of(view);
  if (view.shape[0] > 65535 || view.shape[1] > 65535 || view.shape[0] == 0 || view.shape[1] == 0)
    throw py::value_error("image is " + view.text() + ", expected sides of 1 to 65535");
  const auto height = static_cast<int32_t>(view.shape[0]), width = static_cast<int32_t>(view.shape[1]);
  const auto channels = view.shape.size() == 3 ? view.shape[2] : 1;
  const bool whole_rows = (width == 1 || view.strides[1] == channels) && (channels == 1 || view.strides[2] == 1) &&
                          std::abs(view.strides[0]) >= width * channels;
  return std::make_unique<OwnedImage>(unlocked([&] {
    if (whole_rows) return llava::Image::from_pixels(view.data, width, height, view.strides[0], format);
    return llava::Image::from_pixels(view.copy().data(), width, height, 0, format);
  }));
}

py::dict dict_of(const llava_image_desc& desc) {
  static constexpr const char* kSources[] = {"pixels", "jpeg", "png", "bmp", "gif", "webp"};
  py::dict out;
  const auto source = static_cast<std::size_t>(desc.source);
  out["source"] = source < std::size(kSources) ? kSources[source] : "unknown";
  out["width"] = desc.width;
  out["height"] = desc.height;
  out["orientation"] = desc.orientation;
  out["sha256"] = desc.sha256;
  return out;
}

py::dict info_of(OwnedImage& self) { return dict_of(self.use("Image")->info()); }

py::dict probe(const py::object& data) {
  const auto view = view_of(data, "data");
  if (view.shape.size() != 1 || view.dtype != "uint8" || view.strides[0] != 1)
    throw py::value_error("data is " + view.text() + ", expected the bytes of a picture file in one dimension");
  return dict_of(llava::probe_image(view.data, static_cast<std::size_t>(view.shape[0])));
}

std::unique_ptr<Pixels> pixels_of(OwnedImage& self, const std::string& format) {
  const auto chosen = choice<std::pair<llava::PixelFormat, int>>("format", format,
                                                                 {{"gray8", {llava::PixelFormat::gray8, 1}},
                                                                  {"rgb24", {llava::PixelFormat::rgb24, 3}},
                                                                  {"bgr24", {llava::PixelFormat::bgr24, 3}},
                                                                  {"rgba32", {llava::PixelFormat::rgba32, 4}}});
  auto image = self.use("Image");
  auto pixels = std::make_unique<Pixels>();
  pixels->bytes = unlocked([&] { return image->pixels(chosen.first); });
  pixels->shape = {image->height(), image->width(), chosen.second};
  return pixels;
}

}  // namespace

void add_image(py::module_& module) {
  py::class_<Pixels>(module, "Pixels", py::buffer_protocol()).def_buffer([](Pixels& self) {
    const auto row = self.shape[1] * self.shape[2];
    return py::buffer_info(self.bytes.data(), 1, "B", 3, self.shape, {row, self.shape[2], py::ssize_t{1}});
  });
  py::class_<OwnedImage> image(module, "Image");
  image
      .def_static("from_file", &from_file, py::arg("path"), py::arg("apply_exif"), py::arg("max_pixels"),
                  py::arg("max_bytes"))
      .def_static("from_data_uri", &from_uri, py::arg("uri"), py::arg("apply_exif"), py::arg("max_pixels"),
                  py::arg("max_bytes"))
      .def_static("from_memory", &from_memory, py::arg("data"), py::arg("apply_exif"), py::arg("max_pixels"),
                  py::arg("max_bytes"))
      .def_static("from_pixels", &from_pixels, py::arg("array"))
      .def_static("probe", &probe, py::arg("data"))
      .def("info", &info_of)
      .def("pixels", &pixels_of, py::arg("format"));
  add_close<llava::Image>(image);
}

}  // namespace llava_python

// base + delta.
#include "checkpoint/delta.hpp"

#include <c10/core/InferenceMode.h>

#include "base/atomic_folder.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/limits.hpp"
#include "checkpoint/companion_files.hpp"
#include "checkpoint/folder.hpp"
#include "model/weight_names.hpp"
#include "weights/weight_folder.hpp"

namespace llava::core {
namespace {

constexpr size_t kNamed = 10;

bool is_new(std::string_view name) {
  return name.find("mm_projector") != name.npos || name.find("vision_tower") != name.npos;
}

// Tables with a row for each token.
bool may_grow(std::string_view name) {
  return name.ends_with("embed_tokens.weight") || name.ends_with("lm_head.weight");
}

bool fits(const TensorView& base, const TensorView& delta) {
  if (base.shape == delta.shape) return true;
  return may_grow(delta.name) && base.shape.size() == 2 && delta.shape.size() == 2 && base.shape[0] <= delta.shape[0] &&
         base.shape[1] <= delta.shape[1];
}

at::Tensor sum_of(const TensorView& base, const TensorView& delta) {
  const auto change = tensor_of(delta);
  auto sum = change.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  auto block = sum;
  for (size_t i = 0; i < base.shape.size(); ++i) block = block.narrow(static_cast<int64_t>(i), 0, base.shape[i]);
  block.add_(tensor_of(base).to(at::kFloat));
  return sum.to(change.scalar_type());
}

// One message for all tensors that do not pair up.
class Faults {
 public:
  void add(const std::string& fault) {
    if (count_++ < kNamed) text_ += cat(text_.empty() ? "" : "; ", fault);
  }
  void raise() const {
    if (count_ > 0)
      throw Error(Status::format, cat("base and delta do not belong together, ", count_, " tensors: ", text_,
                                      count_ > kNamed ? "; …" : ""));
  }

 private:
  size_t count_ = 0;
  std::string text_;
};

std::vector<OutputTensor> sums(const TensorMap& base, const TensorMap& delta, const SaveOptions& options) {
  std::vector<OutputTensor> list;
  Faults faults;
  for (const auto& change : delta.all()) {
    if (is_derived_tensor(change.name)) continue;
    auto output = output_of(change.name, change, options.dtype);
    const auto* from = base.find(change.name);
    if (!from && !is_new(change.name)) faults.add(cat(change.name, " is in the delta alone"));
    if (from && !fits(*from, change))
      faults.add(cat(change.name, " is ", shape_text(change.shape), " in the delta, ", shape_text(from->shape),
                     " in the base"));
    if (from)
      output.make = [from, &change, dtype = options.dtype] {
        const auto sum = sum_of(*from, change);
        return dtype ? sum.to(*dtype) : sum;
      };
    list.push_back(std::move(output));
  }
  for (const auto& view : base.all())
    if (!is_derived_tensor(view.name) && !delta.find(view.name)) faults.add(cat(view.name, " is in the base alone"));
  faults.raise();
  return list;
}

void write_config(const std::string& from, const std::string& to, const SaveOptions& options) {
  auto json = read_to_edit(from + "/config.json", limits::kConfigJsonBytes);
  if (options.dtype) {
    const auto type = dtype_of(*options.dtype);
    json.set("torch_dtype", type == DType::f16 ? "float16" : type == DType::bf16 ? "bfloat16" : "float32");
  }
  write_file_atomically(to + "/config.json", json.dump(2) + "\n");
}

}  // namespace

void merge_delta(const std::string& base, const std::string& delta, const std::string& target,
                 const SaveOptions& options) {
  const c10::InferenceMode no_gradients;
  const auto base_folder = model_folder(base), delta_folder = model_folder(delta);
  OpenOptions open;
  open.cancel = options.cancel;
  const auto base_map = open_weight_folder(base_folder, open), delta_map = open_weight_folder(delta_folder, open);
  auto outputs = sums(base_map, delta_map, options);
  AtomicFolder folder(target, options.overwrite);
  write_config(delta_folder, folder.path(), options);
  copy_companions(delta_folder, folder.path());
  copy_companions(base_folder, folder.path());  // what the delta lacks
  write_weights(folder.path(), std::move(outputs), options);
  check_unchanged(base_map);
  check_unchanged(delta_map);
  folder.commit();
}

}  // namespace llava::core

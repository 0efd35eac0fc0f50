// A file as torch.save writes it (torch 1.6 and later): a dict of tensors by name, in a zip archive whose entries are
// stored as they are. Programs that read nothing else (haotian-liu/LLaVA's own loader) open it, and
// torch.load(weights_only=True) does.
#pragma once

#include <span>
#include <string>

#include "weights/tensor_map.hpp"

namespace llava::core {

/// Writes the views, in their order, under their names; f32, f16, bf16 and the other types torch has a storage for, each
/// in a storage of its own, the data of each at a multiple of 64. The file appears when it is whole.
///
/// Throws Error(argument) for a name that is empty, no UTF-8 or stands twice and for a view whose bytes are not its
/// shape's; Error(limit) for 4 GiB and more, which the plain form of the archive cannot hold; Error(io).
/// Sources: torch/serialization.py; caffe2/serialize/inline_container.cc; PKWARE APPNOTE 6.3.10; pickletools.
void write_torch_file(const std::string& path, std::span<const TensorView> tensors);

}  // namespace llava::core

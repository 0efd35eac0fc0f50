// torch.save's files (.bin, .pt, .pth) as tensor views, read by a pickle reader of our own that runs nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "weights/open_options.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

/// The state dict of a torch file: the tensors of its dict or, where that has none, of the dict under "state_dict",
/// "model" or "module" (the first of these; the log says which). Names are taken as they are. Values that are no
/// tensors are left out and named in the log.
///
/// Contiguous tensors are views of the file, tied ones of the same bytes; tensors that are not contiguous, and those of
/// a big-endian machine, are copied in order, all together into at most the file's size and limits::kExpandedBytes.
/// Zip archives (torch 1.6 and later) and the older form are read.
///
/// Throws Error(unsupported) with options.allow_pickle off, for names outside the list of pickle.hpp, TorchScript and
/// the tar files before torch 0.2; Error(format) for damaged files and for those without tensors; Error(limit) for
/// tensors that grow beyond that bound ("expand" of one element to a terabyte); Error(not_found | io | cancelled |
/// timeout).
TensorMap open_torch_file(const std::string& path, const OpenOptions& options = {});

/// The same from bytes in memory.
///
///   owner  keeps `file` alive; every view that points into it holds it
///   name   of the file, for messages and TensorView::file
TensorMap torch_tensors(std::span<const std::byte> file, const std::shared_ptr<const void>& owner,
                        const std::string& name, const OpenOptions& options = {});

}  // namespace llava::core

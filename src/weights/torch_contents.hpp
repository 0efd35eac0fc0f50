// The two containers of torch.save, brought to one form: a pickle, and the bytes of the storages it mentions.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "weights/open_options.hpp"
#include "weights/pickle.hpp"

namespace llava::core {

struct TorchContents {
  Pickle pickle;
  std::vector<const std::byte*> storages;  // beside pickle.storages: as many bytes as those say, inside the file …
  bool big_endian = false;                 // … and with each number's bytes in this order
};

/// True for a zip archive; and for the older form, by the magic number it begins with.
bool is_torch_archive(std::span<const std::byte> file);
bool is_torch_legacy(std::span<const std::byte> file);

/// What torch.save writes since 1.6: a zip archive with <folder>/data.pkl, <folder>/data/<key>, version and byteorder.
/// Throws what read_zip_directory() and read_pickle() throw; Error(format) when a record is missing or has another size
/// than its storage, when the small records have another CRC-32 (with options.checksums all of them);
/// Error(unsupported) for TorchScript archives and versions after 10.
TorchContents read_torch_archive(std::span<const std::byte> file, std::string_view where, const OpenOptions& options);

/// What it wrote before, and still does when told so: five pickles (magic number, protocol 1001, a note on the machine,
/// the object, the keys of the storages), then each storage with its length in front. The data are little-endian
/// whatever the note says: torch swaps when it writes. Throws what read_pickle() throws; Error(format) when keys and
/// storages do not agree or the file does not end with the last of them.
TorchContents read_torch_legacy(std::span<const std::byte> file, std::string_view where);

}  // namespace llava::core

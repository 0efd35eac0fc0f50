// Which files a folder's weights lie in, and whether they agree with the index.
#include "weights/weight_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "weights/safetensors.hpp"
#include "weights/shard_index.hpp"
#include "weights/torch_file.hpp"

namespace llava::core {
namespace {

// one way a folder holds its weights
struct Layout {
  const char* single;
  const char* index;
  TensorMap (*open)(const std::string& path, const OpenOptions& options);
};

constexpr Layout kSafetensors{"model.safetensors", "model.safetensors.index.json", open_safetensors};
constexpr int64_t kNamed = 10;  // absent shards in one message

constexpr Layout kTorch{"pytorch_model.bin", "pytorch_model.bin.index.json", open_torch_file};

std::string tensor_named(std::string_view name) { return cat("tensor \"", printable(name), "\""); }

// progress of several files as one
OpenOptions shifted(const OpenOptions& options, int64_t before_bytes, int64_t total_bytes) {
  auto inner = options;
  if (options.progress)
    inner.progress = [&options, before_bytes, total_bytes](int64_t done, int64_t, std::string_view file) {
      options.progress(before_bytes + done, total_bytes, file);
    };
  return inner;
}

std::vector<int64_t> shard_sizes(const std::string& folder, const ShardIndex& index, const char* listing) {
  std::vector<int64_t> sizes;
  std::string absent;
  int64_t count = 0;
  for (const auto& shard : index.shards) {
    try {
      sizes.push_back(file_size(folder + "/" + shard));
    } catch (const Error& error) {
      if (error.status() != Status::not_found)
        throw Error(error.status(), cat(listing, " lists ", printable(shard), ": ", error.message()));
      if (++count <= kNamed) absent += cat(absent.empty() ? "" : ", ", printable(shard));
    }
  }
  if (count > 0)
    throw Error(Status::not_found, cat(listing, " lists ", absent, count > kNamed ? ", …" : "", ": not there, ", count,
                                       " of ", index.shards.size(), " files; is the download complete?"));
  return sizes;
}

// both are sorted by name
void check_listing(const std::vector<std::string>& listed, const std::vector<std::string>& present,
                   const std::string& shard, const char* listing) {
  const auto [lack, have] = std::mismatch(listed.begin(), listed.end(), present.begin(), present.end());
  if (lack == listed.end() && have == present.end()) return;
  if (have == present.end() || (lack != listed.end() && *lack < *have))
    throw Error(Status::format, cat(shard, ": ", tensor_named(*lack), " is absent, ", listing, " lists it there"));
  throw Error(Status::format, cat(shard, ": ", tensor_named(*have), " is not listed there in ", listing));
}

std::vector<std::string> sorted_names(const TensorMap& map) {
  std::vector<std::string> names;
  for (const auto& view : map.all()) names.push_back(view.name);
  std::sort(names.begin(), names.end());
  return names;
}

TensorMap open_shards(const std::string& folder, const Layout& layout, const OpenOptions& options) {
  const char* listing = layout.index;
  const auto index = parse_shard_index(read_file(folder + "/" + listing, limits::kIndexJsonBytes, listing), listing);
  const auto sizes = shard_sizes(folder, index, listing);
  int64_t total_bytes = 0, done_bytes = 0;
  for (const auto size : sizes) total_bytes += size;
  std::vector<std::vector<std::string>> listed(index.shards.size());
  for (const auto& [name, shard] : index.tensors) listed[shard].push_back(name);
  TensorMap all;
  std::vector<std::vector<std::string>> present;
  for (size_t i = 0; i < index.shards.size(); ++i) {
    const auto shard = layout.open(folder + "/" + index.shards[i], shifted(options, done_bytes, total_bytes));
    done_bytes += sizes[i];
    present.push_back(sorted_names(shard));
    for (const auto& view : shard.all()) all.add(view);
    for (const auto& file : shard.mapped_files()) all.add_file(file);
  }
  for (size_t i = 0; i < index.shards.size(); ++i) check_listing(listed[i], present[i], index.shards[i], listing);
  if (index.total_bytes && *index.total_bytes != all.size_bytes())
    log_warning(
        cat(listing, ": total_size is ", *index.total_bytes, ", the tensors hold ", all.size_bytes(), " bytes"));
  return all;
}

// the first name, in order, that begins and ends so; "" for none
std::string first_match(const std::string& folder, std::string_view begin, std::string_view end) {
  std::string best;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), last; !error && entry != last;
       entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (name.starts_with(begin) && name.ends_with(end) && (best.empty() || name < best)) best = name;
  }
  return best;
}

[[noreturn]] void nothing_found(const std::string& folder) {
  const auto shown = printable(folder, limits::kPathBytes);
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) throw Error(Status::not_found, cat(shown, ": no such folder"));
  if (!std::filesystem::is_directory(folder, error))
    throw Error(Status::io, cat(shown, ": is a file, expected a folder"));
  for (const auto& [begin, end, index] :
       {std::tuple{"model-", ".safetensors", kSafetensors.index}, std::tuple{"pytorch_model-", ".bin", kTorch.index}}) {
    const auto shard = first_match(folder, begin, end);
    if (!shard.empty())
      throw Error(Status::not_found,
                  cat(shown, ": holds ", printable(shard), " but not ", index, ", which says what lies where"));
  }
  throw Error(Status::not_found, cat(shown, ": no weights; looked for ", kSafetensors.single, ", ", kSafetensors.index,
                                     ", ", kTorch.single, " and ", kTorch.index));
}

[[noreturn]] void pickle_is_off(const std::string& folder, const char* found) {
  throw Error(Status::unsupported,
              cat(printable(folder, limits::kPathBytes), ": holds ", found,
                  ", a torch pickle, and those are switched off (allow_pickle is 0); convert it with transformers: "
                  "from_pretrained(...).save_pretrained(..., safe_serialization=True)"));
}

}  // namespace

std::vector<std::string> listed_tensors(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& layout : {kSafetensors, kTorch}) {
    if (!names.empty() || !file_exists(folder + "/" + layout.index)) continue;
    try {
      const auto text = read_file(folder + "/" + layout.index, limits::kIndexJsonBytes);
      for (auto& [name, shard] : parse_shard_index(text, layout.index).tensors) names.push_back(name);
    } catch (const Error&) {  // whoever opens the folder says what is wrong with it
    }
  }
  return names;
}

TensorMap open_weight_folder(const std::string& folder, const OpenOptions& options) {
  for (const auto& layout : {kSafetensors, kTorch}) {
    const bool single = file_exists(folder + "/" + layout.single);
    if (!single && !file_exists(folder + "/" + layout.index)) continue;
    if (layout.open == kTorch.open && !options.allow_pickle)
      pickle_is_off(folder, single ? layout.single : layout.index);
    return single ? layout.open(folder + "/" + layout.single, options) : open_shards(folder, layout, options);
  }
  nothing_found(folder);
}

}  // namespace llava::core

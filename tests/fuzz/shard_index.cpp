// model.safetensors.index.json: every shard that is taken is a plain file name, every tensor lies in one of them.
#include "weights/shard_index.hpp"
#include "fuzz.hpp"

using namespace llava;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto index = core::parse_shard_index(fuzz::text_of(data, size), "index");
    fuzz::require(!index.tensors.empty() && !index.shards.empty(), "an empty index was taken");
    for (const auto& shard : index.shards) {
      fuzz::require(!shard.empty() && shard.find_first_of(std::string_view("/\\\0", 3)) == shard.npos,
                    "no plain file name", shard);
      fuzz::require(shard != "." && shard.find("..") == shard.npos, "a name with dots", shard);
    }
    for (size_t i = 0; i < index.tensors.size(); ++i) {
      fuzz::require(index.tensors[i].second < index.shards.size(), "a tensor in no shard", index.tensors[i].first);
      fuzz::require(i == 0 || index.tensors[i - 1].first < index.tensors[i].first, "twice, or not sorted",
                    index.tensors[i].first);
    }
    fuzz::require(!index.total_bytes || *index.total_bytes >= 0, "a negative total_size");
  });
  return 0;
}

// Names of the status numbers.
#include "base/status.hpp"

#include <utility>

namespace llava::core {
namespace {

constexpr std::pair<Status, const char*> kNames[] = {
    {Status::ok, "OK"},
    {Status::argument, "INVALID_ARGUMENT"},
    {Status::state, "STATE"},
    {Status::busy, "BUSY"},
    {Status::not_found, "NOT_FOUND"},
    {Status::io, "IO"},
    {Status::format, "FORMAT"},
    {Status::unsupported, "UNSUPPORTED"},
    {Status::abi, "ABI"},
    {Status::out_of_memory, "OUT_OF_MEMORY"},
    {Status::device_memory, "DEVICE_MEMORY"},
    {Status::device, "DEVICE"},
    {Status::context_full, "CONTEXT_FULL"},
    {Status::limit, "LIMIT"},
    {Status::cancelled, "CANCELLED"},
    {Status::timeout, "TIMEOUT"},
    {Status::callback, "CALLBACK"},
    {Status::buffer_too_small, "BUFFER_TOO_SMALL"},
    {Status::grammar, "GRAMMAR"},
    {Status::distributed, "DISTRIBUTED"},
    {Status::diverged, "DIVERGED"},
    {Status::end, "END"},
    {Status::would_block, "WOULD_BLOCK"},
    {Status::internal, "INTERNAL"},
};

}  // namespace

const char* status_name(int32_t status) noexcept {
  for (const auto& [value, name] : kNames)
    if (static_cast<int32_t>(value) == status) return name;
  return "UNKNOWN";
}

}  // namespace llava::core

// include/llava/report.h
#include <llava/report.h>

#include "arguments.hpp"
#include "base/limits.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Json;
using llava::core::Status;

namespace {

/// The value of "a.b.c"; nullptr when there is none.
const Json* value_at(const Json& json, std::string_view name) {
  const Json* at = &json;
  for (size_t begin = 0; at && begin <= name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    at = at->find(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return at;
}

}  // namespace

const char* llava_report_json(const llava_report* report) {
  return guarded_value("", [&] { return get(report, "report")->text.c_str(); });
}

llava_status llava_report_number(const llava_report* report, const char* name, double* value) {
  return guarded(cleared(value), [&] {
    required(value, "value");
    const auto object = get(report, "report");
    const auto key = text_argument(name, "name", llava::core::limits::kTensorNameBytes);
    const auto* found = value_at(object->json, key);
    if (!found || (!found->is_number() && !found->is_boolean()))
      throw Error(Status::not_found, cat("the report has no number \"", key, "\""));
    *value = found->is_boolean() ? found->boolean() : found->number();
  });
}

LLAVA_COUNTED(report)

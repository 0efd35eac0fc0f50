// A table, the longer names first.
#include "ops/card_peak.hpp"

namespace llava::core {
namespace {

struct Card {
  std::string_view part;  // of the driver's name
  double half, single;    // 10^12 operations a second: bf16 and f16; f32
};

// Source: NVIDIA's data sheets of these products, figures without sparsity and at boost clock. GeForce: the architecture
// papers' figures for f16 with f32 sums, half of those with f16 sums.
constexpr Card kCards[] = {
    {"B200", 2250, 75},        {"GH200", 989.4, 66.9},     {"H200 NVL", 835.5, 60.3},     {"H200", 989.4, 66.9},
    {"H100 NVL", 835, 60},     {"H100 PCIe", 756, 51},     {"H100", 989.4, 66.9},         {"H800", 989.4, 66.9},
    {"A100", 311.8, 19.5},     {"A800", 311.8, 19.5},      {"A40", 149.7, 37.4},          {"A30", 165, 10.3},
    {"A10G", 70, 35},          {"A10", 125, 31.2},         {"L40S", 362, 91.6},           {"L40", 181, 90.5},
    {"L4", 121, 30.3},         {"RTX A6000", 154.8, 38.7}, {"RTX 6000 Ada", 364.2, 91.1}, {"RTX 5090", 209.5, 104.8},
    {"RTX 4090", 165.2, 82.6}, {"RTX 4080", 97.5, 48.7},   {"RTX 3090", 71, 35.6},
};

// Whether `part` stands in `name` as whole words: "A10" is no part of "A100".
bool has_words(std::string_view name, std::string_view part) {
  const auto letter = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  for (auto at = name.find(part); at != std::string_view::npos; at = name.find(part, at + 1)) {
    const auto end = at + part.size();
    if ((at == 0 || !letter(name[at - 1])) && (end == name.size() || !letter(name[end]))) return true;
  }
  return false;
}

}  // namespace

double card_peak_tflops(std::string_view name, at::ScalarType type) {
  for (const auto& card : kCards)
    if (has_words(name, card.part)) return type == at::kFloat ? card.single : card.half;
  return 0;
}

}  // namespace llava::core

// NaN and infinity are found wherever they lie.
#include "weights/finite.hpp"

#include <limits>

#include "support/doctest.hpp"
#include "weights/support.hpp"

using namespace llava::core;

namespace {

template <typename Number>
std::string told(DType dtype, const std::vector<Number>& values) {
  TensorMap map;
  auto view = tensor("w", dtype, values);
  view.file = "m.safetensors";
  map.add(view);
  const auto error = error_of([&] { check_finite(map); });
  CHECK((error.status() == Status::ok || error.status() == Status::format));
  return error.status() == Status::ok ? "" : error.message();
}

}  // namespace

TEST_SUITE("weights/finite") {
  TEST_CASE("finite numbers of every type pass, integers whatever their bits") {
    using Limits = std::numeric_limits<float>;
    CHECK(told<float>(DType::f32, {0, -0.f, 1, Limits::max(), Limits::denorm_min(), Limits::lowest()}).empty());
    CHECK(told<double>(DType::f64, {0, 1e308, -1e-320}).empty());
    CHECK(told<uint16_t>(DType::f16, {0, 0x7BFF, 0x8000, 0xFBFF}).empty());
    CHECK(told<uint16_t>(DType::bf16, {0, 0x7F7F, 0x8000, 0xFF7F}).empty());
    CHECK(told<uint32_t>(DType::i32, {0xFFFFFFFF, 0x7F800000}).empty());
    CHECK(told<uint16_t>(DType::i16, {0x7C00, 0x7F80}).empty());
  }

  TEST_CASE("the first NaN or infinity is named with its index") {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
    CHECK(told<float>(DType::f32, {1, kNan, kInfinity}) == "m.safetensors: tensor \"w\": element 1 of [3] f32 is NaN");
    CHECK(told<float>(DType::f32, {1, 2, -kInfinity}) ==
          "m.safetensors: tensor \"w\": element 2 of [3] f32 is infinity");
    CHECK(
        told<double>(DType::f64, {std::numeric_limits<double>::signaling_NaN()}).find("element 0 of [1] f64 is NaN") !=
        std::string::npos);
    CHECK(told<uint16_t>(DType::f16, {0x7C00}).find("f16 is infinity") != std::string::npos);
    CHECK(told<uint16_t>(DType::f16, {0xFC01}).find("f16 is NaN") != std::string::npos);
    CHECK(told<uint16_t>(DType::bf16, {0xFF80}).find("bf16 is infinity") != std::string::npos);
    CHECK(told<uint16_t>(DType::bf16, {0x7FC0}).find("bf16 is NaN") != std::string::npos);
  }

  TEST_CASE("every position of a large tensor is looked at, without alignment") {
    constexpr int64_t kCount = (4 << 20) / 2 + 777;
    for (const int64_t at : {int64_t{0}, int64_t{(4 << 20) / 2 - 1}, int64_t{(4 << 20) / 2}, kCount - 1}) {
      std::string bytes(2 * kCount + 1, '\0');
      bytes[static_cast<size_t>(2 * at + 1)] = '\x80';
      bytes[static_cast<size_t>(2 * at + 2)] = '\x7f';
      TensorMap map;
      auto view = tensor("w", DType::bf16, {kCount}, bytes);
      ++view.data;
      --view.size_bytes;
      map.add(view);
      const auto message = error_of([&] { check_finite(map); }).message();
      CHECK(message.find("element " + std::to_string(at) + " of") != std::string::npos);
    }
  }

  TEST_CASE("the look stops when cancelled and tells its progress") {
    TensorMap map;
    map.add(tensor("w", DType::u8, {5 << 20}, std::string(5 << 20, 'x')));
    CancelToken token;
    std::vector<int64_t> done;
    const auto progress = [&](int64_t now, int64_t, std::string_view) { done.push_back(now); };
    check_finite(map, Cancel(&token), progress);
    CHECK(done == std::vector<int64_t>{4 << 20, 5 << 20});
    token.cancel();
    CHECK(error_of([&] { check_finite(map, Cancel(&token)); }).status() == Status::cancelled);
  }
}

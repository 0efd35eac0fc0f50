// Device texts and the choice of an instruction set.
#include "ops/device.hpp"

#include "ops/support.hpp"

using namespace llava::core;

TEST_SUITE("ops/device") {
  TEST_CASE("cpu is a device, and a text that names none is an argument error with the text") {
    CHECK(parse_device("cpu").is_cpu());
    for (const char* text :
         {"", "gpu", "CPU", "cpu:0", "cuda:", "cuda0", "cuda:-1", "cuda:1x", "cuda:1000", "cuda: 1", "cudax"}) {
      CAPTURE(text);
      const auto error = error_of([&] { parse_device(text); });
      CHECK(error.status() == Status::argument);
      CHECK(error.message().find(text) != std::string::npos);
    }
  }

  TEST_CASE("a card this build or this machine lacks has its own status") {
    const auto expected = cuda::has_cuda() ? Status::not_found : Status::unsupported;
    CHECK(error_of([&] { parse_device("cuda:999"); }).status() == expected);
    if (cuda::device_count() == 0) CHECK(error_of([&] { parse_device("cuda"); }).status() == expected);
    if (cuda::device_count() > 0) CHECK(parse_device("cuda") == c10::Device(c10::kCUDA, 0));
  }

  TEST_CASE("every device listed can be asked for and has memory") {
    const auto all = devices();
    REQUIRE(!all.empty());
    CHECK(all[0].id == "cpu");
    for (const auto& device : all) {
      CHECK_NOTHROW(parse_device(device.id));
      CHECK(!device.name.empty());
      CHECK(device.total_bytes > 0);
      CHECK(device.free_bytes > 0);
      CHECK(device.free_bytes <= device.total_bytes);
    }
  }

  TEST_CASE("an instruction set is taken by name, and refused when it is unknown or this CPU lacks it") {
    const auto available = cpu::available_isas();
    for (const auto isa : {cpu::Isa::reference, cpu::Isa::avx2, cpu::Isa::avx512}) {
      const bool runs = std::find(available.begin(), available.end(), isa) != available.end();
      if (runs) CHECK(cpu::parse_isa(cpu::isa_name(isa)) == isa);
      if (!runs) CHECK(error_of([&] { cpu::parse_isa(cpu::isa_name(isa)); }).status() == Status::argument);
    }
    CHECK(error_of([] { cpu::parse_isa("sse"); }).status() == Status::argument);
    CHECK(error_of([] { cpu::parse_isa(""); }).status() == Status::argument);
  }
}

// Who am I? What each launcher's environment says, and what is wrong with it.
#include "comm/rendezvous.hpp"

#include <map>

#include "support/doctest.hpp"

using namespace llava::core;

namespace {

using Table = std::map<std::string, std::string>;

Place place_of(const Table& table) {
  return place_from([&](const std::string& name) {
    const auto found = table.find(name);
    return found == table.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string complaint(const Table& table) {
  const auto error = error_of([&] { place_of(table); });
  CHECK(error.status() == Status::argument);
  return error.message();
}

Table with(Table table, const Table& more) {
  for (const auto& [name, value] : more) table[name] = value;
  return table;
}

const Table kTorchrun = {{"RANK", "3"},        {"WORLD_SIZE", "8"},     {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "2"},
                         {"MASTER_ADDR", "h"}, {"MASTER_PORT", "29500"}};
const Table kSlurm = {{"SLURM_PROCID", "5"}, {"SLURM_NTASKS", "16"}, {"SLURM_LOCALID", "1"},
                      {"SLURM_JOB_ID", "7"}, {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NODELIST", "gpu[07-08,11]"}};

}  // namespace

TEST_SUITE("comm/rendezvous") {
  TEST_CASE("without a launcher a process is alone") {
    const auto place = place_of({});
    CHECK(place.rank == 0);
    CHECK(place.size == 1);
    CHECK(place.launcher == "none");
    CHECK(place_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).size == 1);  // a batch script, not a step of srun
    CHECK(place_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size == 1);
  }

  TEST_CASE("torchrun: rank 0 serves, unless the agent does") {
    auto place = place_of(kTorchrun);
    CHECK(place.rank == 3);
    CHECK(place.size == 8);
    CHECK(place.local_rank == 1);
    CHECK(place.meeting.host == "h");
    CHECK(place.meeting.port == 29500);
    CHECK_FALSE(place.meeting.serve);
    CHECK(place_of(with(kTorchrun, {{"RANK", "0"}})).meeting.serve);
    const auto agent = with(kTorchrun, {{"RANK", "0"},
                                        {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                        {"TORCHELASTIC_RESTART_COUNT", "2"},
                                        {"TORCHELASTIC_RUN_ID", "x"}});
    CHECK_FALSE(place_of(agent).meeting.serve);
    CHECK(place_of(agent).meeting.prefix == "llava-x-2");
    CHECK(place_of(with(kTorchrun, {{"TORCHELASTIC_RESTART_COUNT", "1"}})).meeting.prefix != place.meeting.prefix);
  }

  TEST_CASE("Slurm: the first host of the step, a port of the job's own") {
    auto place = place_of(kSlurm);
    CHECK(place.rank == 5);
    CHECK(place.size == 16);
    CHECK(place.local_rank == 1);
    CHECK(place.meeting.host == "gpu07");
    CHECK(place.meeting.port == 10007);
    place = place_of(with(kSlurm, {{"MASTER_ADDR", "head"}, {"MASTER_PORT", "4000"}, {"SLURM_PROCID", "0"}}));
    CHECK(place.meeting.host == "head");
    CHECK(place.meeting.port == 4000);
    CHECK(place.meeting.serve);
  }

  TEST_CASE("MPI, also inside a Slurm job") {
    const Table open_mpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                            {"OMPI_COMM_WORLD_SIZE", "2"},
                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                            {"MASTER_PORT", "5000"}};
    auto place = place_of(with(kSlurm, open_mpi));
    CHECK(place.launcher == "Open MPI");
    CHECK(place.rank == 1);
    CHECK(place.size == 2);
    CHECK(place.meeting.host == "127.0.0.1");  // all on one machine
    place = place_of({{"PMI_RANK", "0"},
                      {"PMI_SIZE", "4"},
                      {"MPI_LOCALRANKID", "0"},
                      {"MPI_LOCALNRANKS", "2"},
                      {"MASTER_ADDR", "a"},
                      {"MASTER_PORT", "5000"}});
    CHECK(place.launcher == "PMI");
    CHECK(place.size == 4);
    CHECK(place.meeting.serve);
    CHECK(complaint(with(open_mpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}})) ==
          "the environment variable MASTER_ADDR is missing");
    CHECK(complaint(with(open_mpi, {{"MASTER_PORT", ""}})) == "the environment variable MASTER_PORT is missing");
  }

  TEST_CASE("what is missing or wrong is named") {
    for (const auto* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
      auto table = kTorchrun;
      table.erase(name);
      CHECK(complaint(table) == cat("the environment variable ", name, " is missing"));
    }
    const auto wrong = [](const char* name, const char* value) { return complaint(with(kTorchrun, {{name, value}})); };
    CHECK(wrong("RANK", "8") == "the environment variable RANK is \"8\", expected a number of 0 to 7");
    CHECK(wrong("RANK", "-1").find("RANK is \"-1\"") != std::string::npos);
    CHECK(wrong("WORLD_SIZE", "two").find("expected a number of 1 to 1024") != std::string::npos);
    CHECK(wrong("WORLD_SIZE", "99999999999999999999").find("WORLD_SIZE") != std::string::npos);
    CHECK(wrong("MASTER_PORT", "65536").find("MASTER_PORT") != std::string::npos);
    CHECK(wrong("MASTER_PORT", "29500 ").find("MASTER_PORT") != std::string::npos);
    CHECK(wrong("TORCHELASTIC_USE_AGENT_STORE", "maybe").find("expected True or False") != std::string::npos);
    CHECK(wrong("LLAVA_ALLOW_PUBLIC_MASTER", "yes").find("LLAVA_ALLOW_PUBLIC_MASTER") != std::string::npos);
    CHECK(complaint(with(kSlurm, {{"SLURM_STEP_NODELIST", "a[1"}})).find("cannot be read") != std::string::npos);
  }

  TEST_CASE("the first name of a node list") {
    CHECK(first_host("one") == "one");
    CHECK(first_host("a,b[2-3]") == "a");
    CHECK(first_host("n[03-05,09]") == "n03");
    CHECK(first_host("rack[1-2]n[3,4]x,z") == "rack1n3x");
    CHECK(first_host("n[7]") == "n7");
    for (const auto* list : {"", ",a", "n[]", "n[1-2"})
      CHECK(error_of([&] { first_host(list); }).status() == Status::argument);
  }
}

// The environment, read strictly.
#include "comm/rendezvous.hpp"

#include <charconv>
#include <cstdlib>

#include "base/error.hpp"

namespace llava::core {
namespace {

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  std::optional<std::string> find(const std::string& name) const {
    auto value = environment_(name);
    return value && value->empty() ? std::nullopt : std::move(value);
  }
  bool has(const std::string& name) const { return find(name).has_value(); }

  std::string text(const std::string& name) const {
    auto value = find(name);
    if (!value) throw Error(Status::argument, cat("the environment variable ", name, " is missing"));
    return *std::move(value);
  }

  int64_t number(const std::string& name, int64_t lowest, int64_t highest) const {
    const auto value = text(name);
    int64_t found = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), found);
    if (failure != std::errc() || end != value.data() + value.size() || found < lowest || found > highest)
      throw Error(Status::argument, cat("the environment variable ", name, " is \"", value, "\", expected a number of ",
                                        lowest, " to ", highest));
    return found;
  }
  int64_t number(const std::string& name, int64_t lowest, int64_t highest, int64_t otherwise) const {
    return has(name) ? number(name, lowest, highest) : otherwise;
  }
  bool flag(const std::string& name) const {
    const auto value = find(name).value_or("0");
    if (value == "1" || value == "True" || value == "true") return true;
    if (value == "0" || value == "False" || value == "false") return false;
    throw Error(Status::argument,
                cat("the environment variable ", name, " is \"", value, "\", expected True or False"));
  }

 private:
  const Environment& environment_;
};

// Names of the variables of one launcher; an empty one does not exist there.
struct Names {
  const char *launcher, *rank, *size, *local_rank, *local_size;
};
constexpr Names kTorchrun = {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kOpenMpi = {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
                            "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Names kPmi = {"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Names kSlurm = {"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", ""};

Place numbered(const Variables& variables, const Names& names) {
  Place place;
  place.launcher = names.launcher;
  place.size = variables.number(names.size, 1, kMostRanks);
  place.rank = variables.number(names.rank, 0, place.size - 1);
  place.local_rank = variables.number(names.local_rank, 0, kMostRanks - 1, place.rank);
  return place;
}

void meet_at_master(const Variables& variables, Place& place) {
  if (place.size == 1 && !variables.has("MASTER_ADDR")) return;  // nobody to meet
  place.meeting.host = variables.text("MASTER_ADDR");
  place.meeting.port = variables.number("MASTER_PORT", 1, 65535);
}

Place of_torchrun(const Variables& variables) {
  auto place = numbered(variables, kTorchrun);
  meet_at_master(variables, place);
  const bool agent = variables.flag("TORCHELASTIC_USE_AGENT_STORE");  // then torchrun serves, and rank 0 is a client
  place.meeting.serve = place.rank == 0 && !agent;
  place.meeting.prefix = cat("llava-", variables.find("TORCHELASTIC_RUN_ID").value_or("run"), "-",
                             variables.number("TORCHELASTIC_RESTART_COUNT", 0, INT32_MAX, 0));
  return place;
}

Place of_mpi(const Variables& variables, const Names& names) {
  auto place = numbered(variables, names);
  const bool one_machine = variables.number(names.local_size, 1, kMostRanks, 0) == place.size;
  if (one_machine && !variables.has("MASTER_ADDR") && place.size > 1) {
    place.meeting.host = "127.0.0.1";
    place.meeting.port = variables.number("MASTER_PORT", 1, 65535);
  } else {
    meet_at_master(variables, place);
  }
  place.meeting.serve = place.rank == 0;
  place.meeting.prefix = "llava-mpi";
  return place;
}

Place of_slurm(const Variables& variables) {
  auto place = numbered(variables, kSlurm);
  place.meeting.serve = place.rank == 0;
  const auto job = variables.number("SLURM_JOB_ID", 0, INT64_MAX),
             step = variables.number("SLURM_STEP_ID", 0, INT64_MAX);
  place.meeting.prefix = cat("llava-slurm-", job, "-", step);
  if (auto host = variables.find("MASTER_ADDR"))
    place.meeting.host = *host;
  else
    place.meeting.host =
        first_host(variables.text(variables.has("SLURM_STEP_NODELIST") ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST"));
  place.meeting.port = variables.number("MASTER_PORT", 1, 65535, 10000 + (job + step) % 20000);  // below those lent out
  return place;
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::string first_host(const std::string& nodes) {
  std::string host;
  for (size_t i = 0; i < nodes.size() && nodes[i] != ','; ++i) {
    if (nodes[i] != '[') {
      host += nodes[i];
      continue;
    }
    const auto close = nodes.find(']', i), end = nodes.find_first_of("-,]", i + 1);
    if (close == std::string::npos || end == i + 1)
      throw Error(Status::argument,
                  cat("the node list \"", nodes, "\" cannot be read: a bracket is not closed or empty"));
    host += nodes.substr(i + 1, end - i - 1);
    i = close;
  }
  if (host.empty()) throw Error(Status::argument, cat("the node list \"", nodes, "\" names no host"));
  return host;
}

Place place_from(const Environment& environment) {
  const Variables variables(environment);
  Place place;
  if (variables.has("RANK") || variables.has("WORLD_SIZE"))
    place = of_torchrun(variables);
  else if (variables.has(kOpenMpi.rank))
    place = of_mpi(variables, kOpenMpi);
  else if (variables.has(kPmi.rank))
    place = of_mpi(variables, kPmi);
  else if (variables.has(kSlurm.rank) && variables.has("SLURM_STEP_ID"))  // a batch script has the former alone
    place = of_slurm(variables);
  place.meeting.allow_public = variables.flag("LLAVA_ALLOW_PUBLIC_MASTER");
  return place;
}

}  // namespace llava::core

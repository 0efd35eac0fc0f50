// Which rank this process is, of how many, and where they meet: what the launchers people use say about it in the
// environment.
//
//   llava's launcher, torchrun --no-python   RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT; and
//                                            TORCHELASTIC_USE_AGENT_STORE, _RESTART_COUNT, _RUN_ID
//   Open MPI                                 OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE
//   MPICH, Intel MPI                         PMI_RANK, PMI_SIZE, MPI_LOCALRANKID, MPI_LOCALNRANKS
//   Slurm's srun                             SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, SLURM_STEP_NODELIST, SLURM_JOB_ID
//
// The first that is there counts: mpirun inside a Slurm job sees Slurm's variables too. MASTER_ADDR and MASTER_PORT are
// taken where they are set; Slurm's default is the first host of the step and a port made of the job's number.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "comm/board.hpp"

namespace llava::core {

struct Place {
  std::string launcher = "none";
  int64_t rank = 0, size = 1;
  int64_t local_rank = 0;  // among the ranks of this machine
  Board::Address meeting{};
};

/// The value of a variable; nothing when it is not set. Empty values count as not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> process_environment(const std::string& name);

/// A place of rank 0 of 1 when no launcher has started this process.
/// Throws Error(argument) that names the variable: missing, no number, or out of its range.
Place place_from(const Environment& environment = process_environment);

/// The first name of a Slurm node list: "rack[01-04,7]n[2-3],login" -> "rack01n2".
std::string first_host(const std::string& nodes);

inline constexpr int64_t kMostRanks = 1024;

}  // namespace llava::core

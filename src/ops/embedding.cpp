// Token embeddings: rows of a table, widened after they are picked.
#include "ops/check.hpp"
#include "ops/ops.hpp"

namespace llava::core {

at::Tensor embedding(const at::Tensor& ids_L, const Weight& table_VD) {
  require(ids_L.dim() == 1 && ids_L.scalar_type() == at::kLong, "embedding: ids are int64 [L]", ids_L);
  const auto rows_LD = table_VD.stored().index_select(0, ids_L);
  return rows_LD.is_cpu() ? rows_LD.to(at::kFloat) : rows_LD;
}

}  // namespace llava::core

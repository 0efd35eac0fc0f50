// Attention of one head, written once over `Vector`; included by the kernels_*.cpp only.
//
// attention(): flash attention (Dao et al. 2022) turned on its side. The queries of a panel stand in the lanes of two
// vectors, so the scores of a key are one row, the maximum and the sum over keys need no shuffles, and both products
// (keys x queries, then width x queries) are the register tile of multiply.hpp: broadcast from K or V, vectors from Q
// or P. Several panels share each packed block of keys and values. Memory does not depend on the number of keys.
//
// decode(): one query, or the few heads of a group: scores by dot(), softmax, then a weighted sum of the rows of V.
#pragma once

#include "ops/cpu/kernels.hpp"
#include "ops/cpu/multiply.hpp"
#include "ops/cpu/pointwise.hpp"

namespace llava::core::cpu {
namespace {

constexpr int64_t kPanels = 4;                // query panels that share a packed block of keys
constexpr int64_t kKeys = 8 * Vector::kRows;  // of a block: whole row panels
constexpr float kHidden = -__builtin_inff();
constexpr float kLeast = -3.402823466e38f;  // finite: a block that a query sees nothing of must not give inf - inf

// Where the parts of the scratch memory begin, in floats; every part is a multiple of 16.
struct AttentionOffsets {
  explicit AttentionOffsets(int64_t width) {
    const int64_t wide = ceil_div(width, 16) * 16;
    sums = kPanels * wide * kPanel;  // after q
    k = sums + kPanels * wide * kPanel;
    v = k + kKeys * wide;
    scores = v + kKeys * wide;
    largest = scores + kKeys * kPanel;
    total = largest + kPanels * kPanel;
    end = total + kPanels * kPanel;
  }
  int64_t sums, k, v, scores, largest, total, end;
};

struct AttentionScratch {
  explicit AttentionScratch(float* memory, int64_t width) {
    const AttentionOffsets at(width);
    q = memory;                     // [panels][width][kPanel], scaled
    sums = memory + at.sums;        // [panels][width][kPanel]: the output, not yet divided
    k = memory + at.k;              // [key panels][width][rows of a panel]
    v = memory + at.v;              // [keys][width], f32
    scores = memory + at.scores;    // [keys][kPanel]
    largest = memory + at.largest;  // [panels][kPanel]: the largest score so far
    total = memory + at.total;      // [panels][kPanel]: the sum of e^(score - largest)
  }
  float *q, *sums, *k, *v, *scores, *largest, *total;
};

int64_t attention_scratch(int64_t width) { return AttentionOffsets(width).end; }

void take_queries(const AttentionJob& job, const AttentionScratch& s) {
  for (int64_t first = 0; first < job.queries; first += kPanel) {
    float* q = s.q + first * job.width;
    turn<F32>(job.q + first * job.q_stride, job.q_stride, least(kPanel, job.queries - first), job.width, q);
    for (int64_t i = 0; i < job.width * kPanel; i += kWidth)
      Vector::store(q + i, Vector::multiply(Vector::load(q + i), Vector::all(job.scale)));
  }
  const int64_t lanes = ceil_div(job.queries, kPanel) * kPanel;
  for (int64_t i = 0; i < lanes * job.width; i += kWidth) Vector::store(s.sums + i, Vector::zero());
  for (int64_t i = 0; i < lanes; i += kWidth) {
    Vector::store(s.largest + i, Vector::all(kLeast));
    Vector::store(s.total + i, Vector::zero());
  }
}

// Keys and values first .. first + count, widened, into the cache: keys turned, values as they are.
template <typename Element>
void take_keys(const AttentionJob& job, const AttentionScratch& s, int64_t first, int64_t count) {
  for (int64_t j = 0; j < count; ++j) {
    const int64_t rows = least(Vector::kRows, count - j / Vector::kRows * Vector::kRows);
    float* k = s.k + j / Vector::kRows * Vector::kRows * job.width + j % Vector::kRows;
    const auto* from_k = row_of<Element>(job.k, first + j);
    const auto* from_v = row_of<Element>(job.v, first + j);
    alignas(64) float lanes[kWidth];
    for (int64_t d = 0; d < job.width; d += kWidth) {
      const int64_t some = least(kWidth, job.width - d);
      const bool whole = some == kWidth;
      Vector::store(lanes, whole ? Element::load(from_k + d) : Element::load_part(from_k + d, some));
      for (int64_t i = 0; i < some; ++i) k[(d + i) * rows] = lanes[i];
      if (whole)
        Vector::store(s.v + j * job.width + d, Element::load(from_v + d));
      else
        Vector::store_part(s.v + j * job.width + d, Element::load_part(from_v + d, some), some);
    }
  }
}

// The scores of the first `seen` of `count` packed keys.
void score(const AttentionJob& job, const AttentionScratch& s, const float* q, int64_t count, int64_t seen) {
  for (int64_t j = 0; j < seen; j += Vector::kRows)
    tile_of(least(Vector::kRows, seen - j), s.k + j * job.width, least(Vector::kRows, count - j), q, job.width,
            s.scores + j * kPanel, kPanel, false);
}

// Query `query` + lane sees key `first` + j where that is at most past + query + lane.
void hide(const AttentionJob& job, const AttentionScratch& s, int64_t query, int64_t first, int64_t count) {
  for (int64_t j = 0; j < count; ++j) {
    const int64_t sees = first + j - job.past - query;  // the first lane that sees it
    if (sees <= 0) continue;
    float* row = s.scores + j * kPanel;
    for (int64_t at = 0; at < kPanel; at += kWidth)
      Vector::store(row + at, Vector::keep_from(Vector::load(row + at), sees - at, Vector::all(kHidden)));
  }
}

// Query `query` + lane has forgotten key `first` + j where that is at most past + query + lane - window.
void forget(const AttentionJob& job, const AttentionScratch& s, int64_t query, int64_t first, int64_t count) {
  for (int64_t j = 0; j < count; ++j) {
    const int64_t forgets = first + j - job.past - query + job.window;  // the first lane that has forgotten it
    if (forgets >= kPanel) continue;
    float* row = s.scores + j * kPanel;
    for (int64_t at = 0; at < kPanel; at += kWidth)
      Vector::store(row + at, Vector::keep_from(Vector::all(kHidden), forgets - at, Vector::load(row + at)));
  }
}

// Scores become weights e^(score - largest); what was summed under a smaller largest is scaled down.
void soften(const AttentionJob& job, const AttentionScratch& s, int64_t panel, int64_t count) {
  for (int64_t at = 0; at < kPanel; at += kWidth) {
    float* largest = s.largest + panel * kPanel + at;
    float* total = s.total + panel * kPanel + at;
    const Reg before = Vector::load(largest);
    Reg now = before, sum = Vector::zero();
    for (int64_t j = 0; j < count; ++j) now = Vector::maximum(now, Vector::load(s.scores + j * kPanel + at));
    for (int64_t j = 0; j < count; ++j) {
      float* p = s.scores + j * kPanel + at;
      const Reg weight = exponential(Vector::subtract(Vector::load(p), now));
      Vector::store(p, weight);
      sum = Vector::add(sum, weight);
    }
    const Reg shrink = exponential(Vector::subtract(before, now));
    Vector::store(total, Vector::fma(Vector::load(total), shrink, sum));
    Vector::store(largest, now);
    float* sums = s.sums + panel * job.width * kPanel + at;
    for (int64_t d = 0; d < job.width; ++d)
      Vector::store(sums + d * kPanel, Vector::multiply(Vector::load(sums + d * kPanel), shrink));
  }
}

void add_values(const AttentionJob& job, const AttentionScratch& s, int64_t panel, int64_t count) {
  const int64_t most = panel_rows(job.width);
  for (int64_t d = 0; d < job.width; d += most)
    tile_of(least(most, job.width - d), s.v + d, job.width, s.scores, count, s.sums + (panel * job.width + d) * kPanel,
            kPanel, true);
}

void give_out(const AttentionJob& job, const AttentionScratch& s) {
  for (int64_t query = 0; query < job.queries; ++query) {
    const int64_t panel = query / kPanel, lane = query % kPanel;
    const float* sums = s.sums + panel * job.width * kPanel + lane;
    const float share = 1 / s.total[query];
    float* out = job.out + query * job.out_stride;
    for (int64_t d = 0; d < job.width; ++d) out[d] = sums[d * kPanel] * share;
  }
}

void attention(const AttentionJob& job, float* scratch) {
  const AttentionScratch s(scratch, job.width);
  take_queries(job, s);
  const int64_t keys = job.causal ? least(job.keys, job.past + job.queries) : job.keys;
  const int64_t begin = job.window > 0 && job.past >= job.window ? job.past - job.window + 1 : 0;
  for (int64_t first = begin; first < keys; first += kKeys) {
    const int64_t count = least(kKeys, keys - first);
    with_stored(job.k.type, [&](auto element) { take_keys<decltype(element)>(job, s, first, count); });
    for (int64_t query = 0; query < job.queries; query += kPanel) {
      const int64_t last = job.past + least(query + kPanel, job.queries) - 1;  // what the panel's last query sees
      const int64_t seen = job.causal ? least(count, last + 1 - first) : count;
      if (seen <= 0 || (job.window > 0 && first + seen <= job.past + query - job.window + 1)) continue;
      score(job, s, s.q + query * job.width, count, seen);
      if (job.causal && first + seen - 1 > job.past + query) hide(job, s, query, first, seen);
      if (job.window > 0 && first <= last - job.window) forget(job, s, query, first, seen);
      soften(job, s, query / kPanel, seen);
      add_values(job, s, query / kPanel, seen);
    }
  }
  give_out(job, s);
}

// ---- one token

void softmax_row(float* scores, int64_t count, float scale) {
  Reg most = Vector::all(kHidden);
  int64_t whole = count / kWidth * kWidth;
  for (int64_t j = 0; j < whole; j += kWidth) most = Vector::maximum(most, Vector::load(scores + j));
  float largest = Vector::largest(most);
  for (int64_t j = whole; j < count; ++j) largest = scores[j] > largest ? scores[j] : largest;
  Reg sum = Vector::zero();
  const Reg factor = Vector::all(scale), shift = Vector::all(-largest * scale);
  for (int64_t j = 0; j < whole; j += kWidth) {
    const Reg weight = exponential(Vector::fma(Vector::load(scores + j), factor, shift));
    Vector::store(scores + j, weight);
    sum = Vector::add(sum, weight);
  }
  if (whole < count) {  // lanes behind the end count as hidden
    const Reg weight = exponential(Vector::fma(Vector::load_part(scores + whole, count - whole), factor, shift));
    Vector::store_part(scores + whole, weight, count - whole);
    alignas(64) float lanes[kWidth];
    Vector::store(lanes, weight);
    for (int64_t j = count - whole; j < kWidth; ++j) lanes[j] = 0;
    sum = Vector::add(sum, Vector::load(lanes));
  }
  const Reg share = Vector::all(1 / Vector::sum(sum));
  for (int64_t j = 0; j < count; j += kWidth)
    if (j < whole)
      Vector::store(scores + j, Vector::multiply(Vector::load(scores + j), share));
    else
      Vector::store_part(scores + j, Vector::multiply(Vector::load_part(scores + j, count - j), share), count - j);
}

// out[r][d ..] = sum over keys of scores[r][key] * v[key][d ..], for up to 4 vectors of d at a time
template <typename Element, int Rows, int Vectors>
void weigh(const DecodeJob& job, int64_t row, int64_t d, int64_t some) {
  const auto* v = row_of<Element>(job.v, 0) + d;
  const float* scores = job.scores + row * job.keys;
  Reg sums[Rows][Vectors];
  for (int r = 0; r < Rows; ++r)
    for (int i = 0; i < Vectors; ++i) sums[r][i] = Vector::zero();
  for (int64_t j = 0; j < job.keys; ++j, v += job.v.stride)
    for (int i = 0; i < Vectors; ++i) {
      const Reg value = some == kWidth ? Element::load(v + i * kWidth) : Element::load_part(v, some);
      for (int r = 0; r < Rows; ++r) sums[r][i] = Vector::fma(Vector::all(scores[r * job.keys + j]), value, sums[r][i]);
    }
  for (int r = 0; r < Rows; ++r)
    for (int i = 0; i < Vectors; ++i) {
      float* out = job.out + (row + r) * job.width + d + i * kWidth;
      if (some == kWidth)
        Vector::store(out, sums[r][i]);
      else
        Vector::store_part(out, sums[r][i], some);
    }
}

template <typename Element>
void weigh_rows(const DecodeJob& job) {
  for (int64_t row = 0; row < job.rows; row += Vector::kDotRows)
    with_constant<Vector::kDotRows>(least(Vector::kDotRows, job.rows - row), [&](auto rows) {
      constexpr int kRows = decltype(rows)::value;
      int64_t d = 0;
      for (; d + 4 * kWidth <= job.width; d += 4 * kWidth) weigh<Element, kRows, 4>(job, row, d, kWidth);
      for (; d < job.width; d += kWidth) weigh<Element, kRows, 1>(job, row, d, least(kWidth, job.width - d));
    });
}

void decode(const DecodeJob& job) {
  const LinearJob scores{job.q, job.width, job.rows, job.width, job.k, nullptr, job.scores, job.keys, false};
  dot(scores, 0, job.keys);
  for (int64_t row = 0; row < job.rows; ++row) softmax_row(job.scores + row * job.keys, job.keys, job.scale);
  with_stored(job.v.type, [&](auto element) { weigh_rows<decltype(element)>(job); });
}

}  // namespace
}  // namespace llava::core::cpu

// Counting products, from the last to the first, so that it is known at each whether anything below it learns.
#include "train/flops.hpp"

#include <string>
#include <vector>

#include "base/error.hpp"

namespace llava::core {
namespace {

// A product with a matrix [out, in] and all that learns with it.
struct Product {
  std::string name;  // of the affine map
  double numbers;    // of the matrix
  double thin = 0;   // of both LoRA matrices beside it
};

double passes(bool below, bool learns) { return 2 + (below ? 2 : 0) + (learns ? 2 : 0); }

bool affine_learns(const Product& product, const Learners::Mask& learns) {
  return product.thin > 0 || learns(product.name + ".weight") || learns(product.name + ".bias");
}

// Of one row through products that read the same row. `below`: whether anything before them learns; afterwards, whether
// anything up to them does.
double side_by_side(const std::vector<Product>& products, const Learners::Mask& learns, bool& below) {
  double total = 0;
  bool any = below;
  for (const auto& product : products) {
    total += product.numbers * passes(below, learns(product.name + ".weight"));
    total += product.thin * passes(below, true);
    any = any || affine_learns(product, learns);
  }
  below = any;
  return total;
}

std::vector<Product> block_products(const LanguageConfig& config, int64_t layer, const LoraRecipe& lora) {
  const double width = static_cast<double>(config.width), inner = static_cast<double>(config.intermediate);
  const auto query = static_cast<double>(config.heads * config.head_width),
             key = static_cast<double>(config.key_value_heads * config.head_width);
  const auto product = [&](const char* group, const char* target, double out, double in) {
    const double thin = lora.chooses(target, layer) ? static_cast<double>(lora.rank) * (in + out) : 0;
    return Product{cat("language.layers.", layer, '.', group, '.', target), out * in, thin};
  };
  return {product("self_attn", "q_proj", query, width), product("self_attn", "k_proj", key, width),
          product("self_attn", "v_proj", key, width),   product("self_attn", "o_proj", width, query),
          product("mlp", "gate_proj", inner, width),    product("mlp", "up_proj", inner, width),
          product("mlp", "down_proj", width, inner)};
}

bool norm_learns(const std::string& name, const Learners::Mask& learns) {
  return learns(name + ".weight") || learns(name + ".bias");
}

// Of one picture through the tower.
double tower_flops(const ModelConfig& config, const Learners::Mask& learns, bool& below) {
  const auto& vision = config.vision;
  const auto patches = static_cast<double>(vision.patches()), rows = patches + 1;
  const auto width = static_cast<double>(vision.width), inner = static_cast<double>(vision.intermediate);
  const auto patch = static_cast<double>(3 * vision.patch_size * vision.patch_size);
  const std::string embeddings = "vision.embeddings.";
  double total = patches * side_by_side({{embeddings + "patch_embedding", width * patch}}, learns, below);
  below = below || learns(embeddings + "class_embedding") || learns(embeddings + "position_embedding.weight") ||
          norm_learns("vision.pre_layrnorm", learns);
  const auto affine = [&](const std::string& name, double numbers) {
    return rows * side_by_side({{name, numbers}}, learns, below);
  };
  for (int64_t i = 0; i < config.needed_vision_blocks(); ++i) {
    const auto name = cat("vision.encoder.layers.", i, '.');
    const double square = width * width;
    below = below || norm_learns(name + "layer_norm1", learns);
    total += rows * side_by_side({{name + "self_attn.q_proj", square},
                                  {name + "self_attn.k_proj", square},
                                  {name + "self_attn.v_proj", square}},
                                 learns, below);
    total += 2 * width * rows * rows * passes(below, below);  // scores and sums: once forward, twice back
    total += affine(name + "self_attn.out_proj", square);
    below = below || norm_learns(name + "layer_norm2", learns);
    total += affine(name + "mlp.fc1", inner * width);
    total += affine(name + "mlp.fc2", inner * width);
  }
  return total;
}

}  // namespace

Work work_of(const MicroBatch& batch, const ModelConfig& config) {
  Work work;
  work.rows = static_cast<double>(batch.rows());
  work.labels = static_cast<double>(batch.labels());
  work.pictures = static_cast<double>(batch.pictures());
  for (size_t i = 1; i < batch.starts.size(); ++i) {
    const auto rows = static_cast<double>(batch.starts[i] - batch.starts[i - 1]);
    const auto seen = config.language.window > 0 ? std::min(rows, static_cast<double>(config.language.window)) : rows;
    work.pairs += seen * (rows - seen / 2);
  }
  return work;
}

FlopModel flop_model(const ModelConfig& config, const Learners::Mask& learns, const LoraRecipe& lora) {
  const auto& language = config.language;
  const auto width = static_cast<double>(language.width), vocabulary = static_cast<double>(language.vocabulary);
  FlopModel model;
  bool below = false;
  model.per_picture = tower_flops(config, learns, below);
  for (int64_t i = 0; i < config.projector.depth; ++i) {
    const double in = i == 0 ? static_cast<double>(config.feature_width()) : width;
    model.per_picture += static_cast<double>(config.tokens_per_image()) *
                         side_by_side({{cat("projector.linear_", i + 1), width * in}}, learns, below);
  }
  below = below || learns("language.embed_tokens.weight");
  const auto query = static_cast<double>(language.heads * language.head_width);
  for (int64_t i = 0; i < language.layers; ++i) {
    const auto name = cat("language.layers.", i, '.');
    const auto all = block_products(language, i, lora);
    const auto some = [&](int first, int end) {
      return side_by_side({all.begin() + first, all.begin() + end}, learns, below);
    };
    below = below || norm_learns(name + "input_layernorm", learns);
    model.per_row += some(0, 3);
    model.per_pair += 2 * query * passes(below, below);  // scores and sums: once forward, twice back
    model.per_row += some(3, 4);
    below = below || norm_learns(name + "post_attention_layernorm", learns);
    model.per_row += some(4, 6) + some(6, 7);
  }
  below = below || norm_learns("language.norm", learns);
  const auto* head = language.tied_head ? "language.embed_tokens" : "lm_head";
  model.per_label = side_by_side({{head, width * vocabulary}}, learns, below);
  return model;
}

double flops_of(const FlopModel& model, const Work& work) {
  return model.per_row * work.rows + model.per_pair * work.pairs + model.per_label * work.labels +
         model.per_picture * work.pictures;
}

}  // namespace llava::core

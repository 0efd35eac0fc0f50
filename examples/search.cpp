// Which pictures look most like the first one: search MODEL PICTURE PICTURE...
//
// The features of the vision tower, averaged over the picture, are compared by the cosine of their angle.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <llava/llava.hpp>
#include <numeric>

namespace {

using Features = std::vector<double>;

Features mean_of_rows(const llava::Embedding& embedding) {
  const auto rows = embedding.tensor();
  const auto width = static_cast<std::size_t>(rows.shape().back());
  Features mean(width);
  const auto numbers = rows.to_floats();
  for (std::size_t i = 0; i < numbers.size(); ++i) mean[i % width] += numbers[i];
  return mean;  // its length does not matter to an angle
}

double cosine(const Features& a, const Features& b) {
  const auto dot = [](const Features& x, const Features& y) {
    return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  };
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 4) throw std::runtime_error("usage: search MODEL PICTURE PICTURE...");
  const auto model = llava::load(argv[1]);
  std::vector<llava::Image> images;
  for (int i = 2; i < argc; ++i) images.emplace_back(argv[i]);
  llava::EncodeOptions options;
  options.features = true;
  const auto embeddings = model.encode(images, options);  // together, in groups of eight
  const auto wanted = mean_of_rows(embeddings[0]);
  std::vector<std::pair<double, std::string>> found;
  for (std::size_t i = 1; i < embeddings.size(); ++i)
    found.emplace_back(cosine(wanted, mean_of_rows(embeddings[i])), argv[i + 2]);
  std::sort(found.rbegin(), found.rend());
  for (const auto& [likeness, path] : found) std::printf("%6.3f  %s\n", likeness, path.c_str());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

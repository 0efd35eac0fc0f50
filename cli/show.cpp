// `llava show`: a picture in the terminal, two pixels a character cell, 24-bit colours.
#include <algorithm>
#include <iostream>

#include "common.hpp"
#include "numbers.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

/// Mean colour of the pixels under one cell.
struct Colour {
  int red, green, blue;
};

Colour mean(const std::vector<uint8_t>& rgb, int width, int x0, int x1, int y0, int y1) {
  int64_t sum[3] = {};
  for (int y = y0; y < y1; ++y)
    for (int x = x0; x < x1; ++x)
      for (int c = 0; c < 3; ++c) sum[c] += rgb[static_cast<size_t>((y * width + x) * 3 + c)];
  const int64_t count = std::max<int64_t>(1, int64_t{x1 - x0} * (y1 - y0));
  return {static_cast<int>(sum[0] / count), static_cast<int>(sum[1] / count), static_cast<int>(sum[2] / count)};
}

std::string colour_code(int kind, const Colour& colour) {
  return "\033[" + std::to_string(kind) + ";2;" + std::to_string(colour.red) + ';' + std::to_string(colour.green) +
         ';' + std::to_string(colour.blue) + 'm';
}

void show(const std::string& path, int columns) {
  const auto image = open_image(path);
  const int width = image.width(), height = image.height();
  const auto rgb = image.pixels();
  const int rows = std::clamp(static_cast<int>(int64_t{columns} * height / std::max(1, width)), 2, 2 * columns) / 2 * 2;
  const auto cell = [&](int column, int row) {
    const auto from = [](int i, int parts, int size) { return static_cast<int>(int64_t{i} * size / parts); };
    const int x = from(column, columns, width), y = from(row, rows, height);
    return mean(rgb, width, x, std::max(x + 1, from(column + 1, columns, width)), y,
                std::max(y + 1, from(row + 1, rows, height)));
  };
  for (int row = 0; row < rows; row += 2) {
    for (int column = 0; column < columns; ++column)
      std::cout << colour_code(38, cell(column, row)) << colour_code(48, cell(column, row + 1)) << "\u2580";
    std::cout << "\033[0m\n";
  }
}

}  // namespace

void add_show(CLI::App& app) {
  auto* verb = app.add_subcommand("show", "a picture in the terminal (24-bit colours)");
  auto path = std::make_shared<std::string>();
  auto columns = std::make_shared<int>(40);
  verb->add_option("IMAGE", *path, "a picture, - for standard input")->required();
  verb->add_option("--columns", *columns, "width in characters")->check(whole_number(2, 400))->capture_default_str();
  verb->callback([path, columns] { show(*path, *columns); });
}

}  // namespace llava_cli

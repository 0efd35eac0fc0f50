#include "data/word_length.hpp"

#include "data/python_text.hpp"

namespace llava::core {

int64_t word_length(const Record& record) {
  int64_t words = python::count_words(record.system);
  for (const RecordTurn& turn : record.turns) words += python::count_words(turn.text);
  return record.images.empty() ? -words : words;
}

}  // namespace llava::core

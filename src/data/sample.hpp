// From a record to what is trained on: ids, labels, and how much of it survives the longest length allowed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/record.hpp"
#include "data/upstream_labels.hpp"
#include "text/prompt.hpp"
#include "text/templates.hpp"
#include "text/tokenizer.hpp"

namespace llava::core {

enum class LabelRule {
  spans,    // the assistant's words and end marks, told while the ids are made; no sample is lost
  upstream  // the original's rules, bit for bit (data/upstream_labels)
};

/// Where the picture of the first question goes.
enum class ImagePlace {
  first,       // before the text, as the original does since LLaVA-1.5; so in every turn
  as_written,  // where the record has it, as LLaVA v0 did
  random  // before or after the text of the first turn, drawn for each sample by seed and id; other turns as `first`
};

struct SampleRules {
  const Template* row = nullptr;
  LabelRule labels = LabelRule::spans;
  ImagePlace place = ImagePlace::first;
  uint64_t seed = 0;       // of ImagePlace::random
  ImageMarks image_marks;  // ids that stand around every picture
  int64_t image_rows = 1;  // positions a picture takes in the model, e.g. 576
  int64_t max_length = 0;  // positions of a sample, pictures included; 0 = no bound
  bool legacy = true;      // of the tokenizer, for LabelRule::upstream
  UpstreamVersion version = UpstreamVersion::head;
};

struct Sample {
  std::vector<int64_t> ids;     // kImageToken at each image place
  std::vector<int64_t> labels;  // as long; an id, or kIgnored
  int64_t images = 0;           // places in ids; the record's first so many pictures
  int64_t rows = 0;             // positions once pictures stand in their places, at most max_length
  int64_t full_rows = 0;        // before cutting
  int64_t targets = 0;          // labels that count: those from the second position on
  bool cut = false;             // full_rows > max_length. The last picture may be cut within: keep `rows` positions
  bool mismatch = false;        // LabelRule::upstream dropped it: nothing is learned
  std::string note;             // why, in the original's words
};

/// Immutable; any number of threads may use one at the same time.
class SampleMaker {
 public:
  /// Throws Error(argument) for a missing template or a bound that is negative, Error(unsupported) for a template that
  /// LabelRule::upstream does not know.
  SampleMaker(std::shared_ptr<const Tokenizer> tokenizer, const SampleRules& rules);

  /// A sample may come out with no targets (cut away, dropped, nothing to learn): targets is 0 then, and who uses it
  /// decides. Throws RecordError(text | placeholders | roles) with the record's place.
  Sample make(const Record& record) const;

  const SampleRules& rules() const { return rules_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  LabelledIds label(const Record& record) const;
  LabelledIds spans(const Record& record, const std::vector<RecordTurn>& turns) const;

  std::shared_ptr<const Tokenizer> tokenizer_;
  SampleRules rules_;
  Template row_;  // pictures stand as the turns say
  UpstreamTokens upstream_;
};

/// Why a sample without targets has none, for messages.
std::string no_target_reason(const Sample& sample, const SampleRules& rules);

}  // namespace llava::core

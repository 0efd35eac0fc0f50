// The machine of pickle.hpp: pickle_machine.cpp moves values, pickle_objects.cpp knows what torch's names stand for.
#pragma once

#include <map>
#include <string>

#include "base/error.hpp"
#include "weights/pickle.hpp"

namespace llava::core {

class PickleMachine {
 public:
  PickleMachine(std::string_view stream, std::string_view where) : where_(where) { pickle_.stream = stream; }
  Pickle run();

 private:
  static constexpr PickleValue kUnset{PickleKind::none, 1, 0};  // None itself has size 0
  enum class Global : uint8_t { ordered_dict, rebuild_tensor, rebuild_parameter, size, device, storage };

  // the opcodes, by what they do; each returns false for one that is not its own
  bool run_literal(uint8_t opcode);
  bool run_text(uint8_t opcode);
  bool run_container(uint8_t opcode);
  bool run_memo(uint8_t opcode);
  bool run_object(uint8_t opcode);
  void step(uint8_t opcode);
  void finish();

  // the stream
  [[noreturn]] void refuse(const std::string& what, Status status = Status::format) const;
  size_t left() const { return pickle_.stream.size() - at_; }
  uint64_t number(size_t bytes);
  std::string_view take(uint64_t bytes, const char* what);
  std::string_view line();
  PickleValue integer(uint64_t bytes);
  PickleValue slice(PickleKind kind, uint64_t bytes, const char* what);
  void frame();

  // the stack
  void push(PickleValue value);
  PickleValue pop();
  PickleValue& top();
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  size_t pop_mark();
  PickleValue container(PickleKind kind, size_t first);
  std::vector<PickleValue>& target(PickleKind kind);
  void extend(PickleKind kind, size_t first);
  void put(uint64_t index);
  void get(uint64_t index);

  // objects
  PickleValue find_global(std::string_view module, std::string_view name) const;
  PickleValue global_from_stack();
  PickleValue call(const PickleValue& callable, const PickleValue& arguments);
  PickleValue storage_from(const PickleValue& id);
  PickleValue rebuild_tensor(std::span<const PickleValue> arguments);
  PickleValue rebuild_parameter(std::span<const PickleValue> arguments);
  const PickleValue& expect(const PickleValue& value, PickleKind kind, const char* what) const;
  int64_t expect_count(const PickleValue& value, const char* what) const;
  std::vector<int64_t> expect_counts(const PickleValue& value, const char* what) const;
  void check_inside(const PickledTensor& tensor) const;
  void drop_state();

  Pickle pickle_;
  std::string where_;
  size_t at_ = 0;         // of the next byte
  size_t opcode_at_ = 0;  // of the opcode at work
  uint64_t opcodes_ = 0;  // read so far
  uint8_t opcode_ = 0;
  bool done_ = false;
  std::vector<PickleValue> stack_;
  std::vector<size_t> marks_;      // heights of the stack
  std::vector<PickleValue> memo_;  // kUnset where nothing was put
  std::map<std::string_view, size_t> storage_by_key_;
};

}  // namespace llava::core

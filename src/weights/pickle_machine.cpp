// One opcode after the other: literals, texts, containers, the memo, and objects, which are in pickle_objects.cpp.
#include "weights/pickle_machine.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr uint64_t kMaxSize = 0xFFFFFFFF;

struct OpcodeName {
  uint8_t code;
  const char* name;
};

// those that are read, and those whose refusal should have a name
constexpr OpcodeName kNames[] = {
    {'(', "MARK"},         {'.', "STOP"},        {'0', "POP"},           {'1', "POP_MARK"},
    {'2', "DUP"},          {'F', "FLOAT"},       {'I', "INT"},           {'L', "LONG"},
    {'P', "PERSID"},       {'S', "STRING"},      {'T', "BINSTRING"},     {'U', "SHORT_BINSTRING"},
    {'V', "UNICODE"},      {'a', "APPEND"},      {'b', "BUILD"},         {'c', "GLOBAL"},
    {'d', "DICT"},         {'e', "APPENDS"},     {'g', "GET"},           {'h', "BINGET"},
    {'i', "INST"},         {'j', "LONG_BINGET"}, {'l', "LIST"},          {'o', "OBJ"},
    {'p', "PUT"},          {'q', "BINPUT"},      {'r', "LONG_BINPUT"},   {'s', "SETITEM"},
    {'t', "TUPLE"},        {'u', "SETITEMS"},    {'B', "BINBYTES"},      {'C', "SHORT_BINBYTES"},
    {'G', "BINFLOAT"},     {'J', "BININT"},      {'K', "BININT1"},       {'M', "BININT2"},
    {'N', "NONE"},         {'Q', "BINPERSID"},   {'R', "REDUCE"},        {'X', "BINUNICODE"},
    {')', "EMPTY_TUPLE"},  {']', "EMPTY_LIST"},  {'}', "EMPTY_DICT"},    {0x80, "PROTO"},
    {0x81, "NEWOBJ"},      {0x82, "EXT1"},       {0x83, "EXT2"},         {0x84, "EXT4"},
    {0x85, "TUPLE1"},      {0x86, "TUPLE2"},     {0x87, "TUPLE3"},       {0x88, "NEWTRUE"},
    {0x89, "NEWFALSE"},    {0x8a, "LONG1"},      {0x8b, "LONG4"},        {0x8c, "SHORT_BINUNICODE"},
    {0x8d, "BINUNICODE8"}, {0x8e, "BINBYTES8"},  {0x8f, "EMPTY_SET"},    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},   {0x92, "NEWOBJ_EX"},  {0x93, "STACK_GLOBAL"}, {0x94, "MEMOIZE"},
    {0x95, "FRAME"},       {0x96, "BYTEARRAY8"}, {0x97, "NEXT_BUFFER"},  {0x98, "READONLY_BUFFER"}};

std::string opcode_name(uint8_t code) {
  const auto* row = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& r) { return r.code == code; });
  return row == std::end(kNames) ? cat("byte ", int{code}) : std::string(row->name);
}

}  // namespace

const char* pickle_kind_name(PickleKind kind) noexcept {
  constexpr const char* kKinds[] = {"None",          "a boolean", "an integer", "an integer of more than 64 bits",
                                    "a real number", "a text",    "bytes",      "a tuple",
                                    "a list",        "a dict",    "a name",     "a storage",
                                    "a tensor",      "a device"};
  return kKinds[static_cast<size_t>(kind)];
}

void PickleMachine::refuse(const std::string& what, Status status) const {
  throw Error(status, cat(where_, ", offset ", opcode_at_, ", ", opcode_name(opcode_), ": ", what));
}

// --- the stream

uint64_t PickleMachine::number(size_t bytes) {
  const auto text = take(bytes, "an operand");
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<uint8_t>(text[i]);
  return value;
}

std::string_view PickleMachine::take(uint64_t bytes, const char* what) {
  if (bytes > left()) refuse(cat(what, " of ", bytes, " bytes, of which ", left(), " are there"));
  const auto text = pickle_.stream.substr(at_, bytes);
  at_ += bytes;
  return text;
}

std::string_view PickleMachine::line() {
  const auto rest = pickle_.stream.substr(at_, limits::kPickleNameBytes + 1);
  const auto end = rest.find('\n');
  if (end == rest.npos && left() <= static_cast<size_t>(limits::kPickleNameBytes)) refuse("a line without end");
  if (end == rest.npos) refuse(cat("a line of more than ", limits::kPickleNameBytes, " bytes"));
  at_ += end + 1;
  return rest.substr(0, end);
}

PickleValue PickleMachine::slice(PickleKind kind, uint64_t bytes, const char* what) {
  const auto begin = at_;
  take(bytes, what);
  if (bytes > kMaxSize) refuse(cat(what, " of ", bytes, " bytes, at most ", kMaxSize), Status::limit);
  return {kind, static_cast<uint32_t>(bytes), static_cast<int64_t>(begin)};
}

// two's complement, little-endian
PickleValue PickleMachine::integer(uint64_t bytes) {
  if (bytes > 8) return slice(PickleKind::wide_integer, bytes, "an integer");
  auto value = number(static_cast<size_t>(bytes));
  if (bytes > 0 && bytes < 8 && value >> (8 * bytes - 1)) value |= ~uint64_t{0} << (8 * bytes);
  return {PickleKind::integer, 0, static_cast<int64_t>(value)};
}

// of protocol 4: how many bytes may be fetched at once; all of them are here already
void PickleMachine::frame() {
  const auto bytes = number(8);
  if (bytes > left()) refuse(cat("a frame of ", bytes, " bytes, of which ", left(), " are there"));
}

// --- the stack

void PickleMachine::push(PickleValue value) {
  if (static_cast<int64_t>(stack_.size()) >= limits::kPickleStack)
    refuse(cat("more than ", limits::kPickleStack, " values on the stack"), Status::limit);
  stack_.push_back(value);
}

PickleValue PickleMachine::pop() {
  const auto value = top();
  stack_.pop_back();
  return value;
}

PickleValue& PickleMachine::top() {
  if (stack_.size() <= floor()) refuse("needs a value, and the stack has none");
  return stack_.back();
}

size_t PickleMachine::pop_mark() {
  if (marks_.empty()) refuse("needs a MARK, and there is none");
  const auto height = marks_.back();
  marks_.pop_back();
  return height;
}

// what stands from `first` on becomes one value
PickleValue PickleMachine::container(PickleKind kind, size_t first) {
  if (static_cast<int64_t>(pickle_.containers.size()) >= limits::kPickleContainers)
    refuse(cat("more than ", limits::kPickleContainers, " tuples, lists and dicts"), Status::limit);
  pickle_.containers.emplace_back(stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
  stack_.resize(first);
  return {kind, 0, static_cast<int64_t>(pickle_.containers.size() - 1)};
}

std::vector<PickleValue>& PickleMachine::target(PickleKind kind) {
  if (top().kind != kind) refuse(cat("is for ", pickle_kind_name(kind), ", found ", pickle_kind_name(top().kind)));
  return pickle_.containers[static_cast<size_t>(top().number)];
}

// what stands from `first` on goes into the container below it
void PickleMachine::extend(PickleKind kind, size_t first) {
  const std::vector<PickleValue> values(stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
  stack_.resize(first);
  if (kind == PickleKind::dict && values.size() % 2)
    refuse(cat(values.size(), " values make no pairs of key and value"));
  auto& items = target(kind);
  items.insert(items.end(), values.begin(), values.end());
}

void PickleMachine::put(uint64_t index) {
  const auto value = top();
  if (index > opcodes_) refuse(cat("memo ", index, " after ", opcodes_, " opcodes"), Status::limit);
  if (index >= memo_.size()) memo_.resize(static_cast<size_t>(index) + 1, kUnset);
  memo_[static_cast<size_t>(index)] = value;
}

void PickleMachine::get(uint64_t index) {
  if (index >= memo_.size()) refuse(cat("memo ", index, " was never set"));
  const auto value = memo_[static_cast<size_t>(index)];
  if (value.kind == kUnset.kind && value.size == kUnset.size) refuse(cat("memo ", index, " was never set"));
  push(value);
}

// --- the opcodes

bool PickleMachine::run_literal(uint8_t opcode) {
  switch (opcode) {
    case 'N':
      push({});
      return true;
    case 0x88:
      push({PickleKind::boolean, 0, 1});
      return true;
    case 0x89:
      push({PickleKind::boolean, 0, 0});
      return true;
    case 'K':
      push({PickleKind::integer, 0, static_cast<int64_t>(number(1))});
      return true;
    case 'M':
      push({PickleKind::integer, 0, static_cast<int64_t>(number(2))});
      return true;
    case 'J':
      push(integer(4));
      return true;
    case 0x8a:
      push(integer(number(1)));
      return true;
    case 0x8b:
      push(integer(number(4)));
      return true;
    case 'G':
      number(8);
      push({PickleKind::real, 0, 0});
      return true;
    default:
      return false;
  }
}

bool PickleMachine::run_text(uint8_t opcode) {
  switch (opcode) {
    case 'X':
      push(slice(PickleKind::text, number(4), "a text"));
      return true;
    case 0x8c:
      push(slice(PickleKind::text, number(1), "a text"));
      return true;
    case 0x8d:
      push(slice(PickleKind::text, number(8), "a text"));
      return true;
    case 'B':
      push(slice(PickleKind::bytes, number(4), "bytes"));
      return true;
    case 'C':
      push(slice(PickleKind::bytes, number(1), "bytes"));
      return true;
    case 0x8e:
      push(slice(PickleKind::bytes, number(8), "bytes"));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::run_container(uint8_t opcode) {
  switch (opcode) {
    case '(':
      if (static_cast<int64_t>(marks_.size()) >= limits::kPickleStack)
        refuse(cat("more than ", limits::kPickleStack, " MARKs are open"), Status::limit);
      marks_.push_back(stack_.size());
      return true;
    case ')':
      push(container(PickleKind::tuple, stack_.size()));
      return true;
    case ']':
      push(container(PickleKind::list, stack_.size()));
      return true;
    case '}':
      push(container(PickleKind::dict, stack_.size()));
      return true;
    case 't':
      push(container(PickleKind::tuple, pop_mark()));
      return true;
    case 0x85:
    case 0x86:
    case 0x87: {
      const size_t count = opcode - 0x84u;
      if (stack_.size() - floor() < count)
        refuse(cat("needs ", count, " values, the stack has ", stack_.size() - floor()));
      push(container(PickleKind::tuple, stack_.size() - count));
      return true;
    }
    case 'a':
      top();
      extend(PickleKind::list, stack_.size() - 1);
      return true;
    case 'e':
      extend(PickleKind::list, pop_mark());
      return true;
    case 's':
      if (stack_.size() - floor() < 3) refuse("needs a dict, a key and a value");
      extend(PickleKind::dict, stack_.size() - 2);
      return true;
    case 'u':
      extend(PickleKind::dict, pop_mark());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::run_memo(uint8_t opcode) {
  switch (opcode) {
    case 'q':
      put(number(1));
      return true;
    case 'r':
      put(number(4));
      return true;
    case 0x94:
      put(memo_.size());
      return true;
    case 'h':
      get(number(1));
      return true;
    case 'j':
      get(number(4));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::run_object(uint8_t opcode) {
  switch (opcode) {
    case 'c': {
      const auto module = line();
      push(find_global(module, line()));
      return true;
    }
    case 0x93:
      push(global_from_stack());
      return true;
    case 'R': {
      const auto arguments = pop();
      push(call(pop(), arguments));
      return true;
    }
    case 'Q':
      push(storage_from(pop()));
      return true;
    case 'b':
      drop_state();
      return true;
    default:
      return false;
  }
}

void PickleMachine::finish() {
  if (!marks_.empty()) refuse(cat(marks_.size(), " MARKs are still open"));
  pickle_.root = pop();
  if (!stack_.empty()) refuse(cat(stack_.size(), " values are left on the stack"));
  pickle_.stream_bytes = at_;
  done_ = true;
}

void PickleMachine::step(uint8_t opcode) {
  if (opcode == '.') return finish();
  if (opcode == 0x95) return frame();
  if (run_literal(opcode) || run_text(opcode) || run_container(opcode) || run_memo(opcode) || run_object(opcode))
    return;
  const bool known = std::any_of(std::begin(kNames), std::end(kNames), [&](const auto& r) { return r.code == opcode; });
  if (!known) refuse("is no opcode of a pickle");
  refuse("is not needed for tensors and not run", Status::unsupported);
}

Pickle PickleMachine::run() {
  const auto begin = pickle_.stream.substr(0, 2);
  if (begin.size() < 2) throw Error(Status::format, cat(where_, ": ", begin.size(), " bytes are no pickle"));
  if (static_cast<uint8_t>(begin[0]) != 0x80)
    throw Error(Status::format, cat(where_, ": begins with byte ", int{static_cast<uint8_t>(begin[0])},
                                    ", a pickle of protocol 2 or later with 128"));
  if (begin[1] < 2 || begin[1] > 5)
    throw Error(Status::unsupported,
                cat(where_, ": a pickle of protocol ", int{static_cast<uint8_t>(begin[1])}, ", read are 2 to 5"));
  at_ = 2;
  while (!done_) {
    opcode_at_ = at_;
    if (left() == 0) throw Error(Status::format, cat(where_, ": ends at offset ", at_, " without STOP"));
    opcode_ = static_cast<uint8_t>(pickle_.stream[at_++]);
    if (static_cast<int64_t>(++opcodes_) > limits::kPickleOpcodes)
      refuse(cat("more than ", limits::kPickleOpcodes, " opcodes"), Status::limit);
    step(opcode_);
  }
  return std::move(pickle_);
}

Pickle read_pickle(std::span<const std::byte> stream, std::string_view where) {
  return PickleMachine({reinterpret_cast<const char*>(stream.data()), stream.size()}, where).run();
}

}  // namespace llava::core

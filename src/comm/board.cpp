// Boards over the stores of c10d.
#include "comm/board.hpp"

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <future>
#include <thread>

#include "base/error.hpp"
#include "comm/board_store.hpp"
#include "comm/sockets.hpp"

namespace llava::core {
namespace {

// Runs `call`; whatever LibTorch throws is the store that is gone.
template <typename Call>
auto guarded(const BoardStore& board, const char* what, Call&& call) {
  try {
    return call(*board.store);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(Status::distributed, cat(board.name, ": ", what, ": ", first_line(error)));
  }
}

// The store's client waits for ever where something accepts it and is silent, so it connects in a thread of its own, which
// is left behind then.
c10::intrusive_ptr<c10d::Store> connected(const std::string& host, const c10d::TCPStoreOptions& options) {
  using Store = c10::intrusive_ptr<c10d::Store>;
  auto promise = std::make_shared<std::promise<Store>>();
  auto store = promise->get_future();
  std::thread([promise, host, options] {
    try {
      promise->set_value(c10::make_intrusive<c10d::TCPStore>(host, options));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }).detach();
  if (store.wait_for(options.timeout + std::chrono::milliseconds(500)) != std::future_status::ready)
    throw std::runtime_error("what listens there is silent, it is no store");
  return store.get();
}

}  // namespace

std::string first_line(const std::exception& error) {
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch ? torch->what_without_backtrace() : error.what();
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.size() > 300) text.resize(300);
  return text;
}

Board::Board(std::unique_ptr<BoardStore> store) : store_(std::move(store)) {}
Board::~Board() = default;

std::unique_ptr<Board> Board::over_tcp(const Address& address, std::chrono::milliseconds patience) {
  const auto name =
      cat("the store of the ranks at ", address.host, " port ", address.port, " (rank 0 keeps it, or torchrun)");
  if (!address.allow_public && is_public(address.host))
    throw Error(Status::argument, cat(name,
                                      ": the address is of the public internet and the store asks for no "
                                      "password; set LLAVA_ALLOW_PUBLIC_MASTER=1 where a firewall keeps others out"));
  c10::initLogging();  // heeds TORCH_CPP_LOG_LEVEL, which launcher sets: a lost store would fill stderr with backtraces
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(address.port);
  options.isServer = address.serve;
  options.waitWorkers = false;
  options.timeout = patience;
  Descriptor listening;
  if (address.serve) {
    listening = bound_socket(address.host, address.port);
    options.masterListenFd = listening.get();
  }
  const auto local = address.serve ? std::string() : wait_for_server(address.host, address.port, patience);
  try {
    listening.release();  // the store's own from here on
    auto store = connected(address.host, options);
    auto box = std::make_unique<BoardStore>();
    box->store = c10::make_intrusive<c10d::PrefixStore>(address.prefix, std::move(store));
    box->name = name;
    box->local_host = address.serve ? wait_for_server(address.host, address.port, patience) : local;
    return std::make_unique<Board>(std::move(box));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(Status::distributed, cat(name, ": ", first_line(error)));
  }
}

std::unique_ptr<Board> Board::over_file(const std::string& path) {
  auto box = std::make_unique<BoardStore>();
  box->store = c10::make_intrusive<c10d::FileStore>(path, -1);  // -1: the file stays
  box->name = path;
  box->local_host = "127.0.0.1";
  return std::make_unique<Board>(std::move(box));
}

void Board::put(const std::string& name, const std::string& text) {
  guarded(*store_, name.c_str(), [&](c10d::Store& store) { store.set(name, text); });
}

bool Board::has(const std::string& name) {
  return guarded(*store_, name.c_str(), [&](c10d::Store& store) { return store.check({name}); });
}

std::string Board::get(const std::string& name) {
  return guarded(*store_, name.c_str(), [&](c10d::Store& store) { return store.get_to_str(name); });
}

std::string Board::put_first(const std::string& name, const std::string& text) {
  return guarded(*store_, name.c_str(), [&](c10d::Store& store) { return store.compareSet(name, "", text); });
}

int64_t Board::add(const std::string& name, int64_t number) {
  return guarded(*store_, name.c_str(), [&](c10d::Store& store) { return store.add(name, number); });
}

std::unique_ptr<Board> Board::again() const {
  return guarded(*store_, "another connection", [&](c10d::Store& store) {
    auto box = std::make_unique<BoardStore>(*store_);
    box->store = store.clone();
    return std::make_unique<Board>(std::move(box));
  });
}

const std::string& Board::local_host() const { return store_->local_host; }

}  // namespace llava::core

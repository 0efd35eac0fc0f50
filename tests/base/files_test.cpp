// Reading regular files whatever the way to them, refusing the rest without waiting, and writes that are whole or
// absent.
#include "base/files.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/doctest.hpp"
#include "support/expected.hpp"
#include "support/temporary_folder.hpp"

using namespace llava::core;

namespace {

size_t entries(const std::string& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

FileReading unmapped() {
  FileReading how;
  how.map = false;
  return how;
}

}  // namespace

TEST_SUITE("base/files") {
  TEST_CASE("a file is the same mapped and read, directly and through links") {
    const TemporaryFolder folder;
    std::string bytes(9 << 20, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
    const auto path = folder.write("weights", bytes);
    std::filesystem::create_symlink(path, folder / "link");
    std::filesystem::create_directory(folder / "sub");
    std::filesystem::create_symlink("../link", folder / "sub/link");
    for (const auto& name : {path, folder / "link", folder / "sub/link"}) {
      CHECK(MappedFile::open(name).text() == bytes);
      CHECK(MappedFile::open(name, unmapped()).text() == bytes);
      CHECK(file_size(name) == static_cast<int64_t>(bytes.size()));
      CHECK(file_exists(name));
    }
    CHECK(MappedFile::open(folder / "sub/link").name() == "link");
  }

  TEST_CASE("the bytes live as long as an owner") {
    const TemporaryFolder folder;
    std::shared_ptr<const void> owner;
    const std::byte* data = nullptr;
    {
      const auto file = MappedFile::open(folder.write("a", "hello"));
      owner = file.owner();
      data = file.data();
    }
    CHECK(std::string(reinterpret_cast<const char*>(data), 5) == "hello");
  }

  TEST_CASE("an empty file has no bytes and a place") {
    const TemporaryFolder folder;
    const auto path = folder.write("empty", "");
    for (const auto& how : {FileReading(), unmapped()}) {
      CHECK(MappedFile::open(path, how).size() == 0);
      CHECK(MappedFile::open(path, how).data() != nullptr);
    }
    CHECK(read_file(path, 0).empty());
  }

  TEST_CASE("what is no regular file is refused without waiting, and leaves no descriptor open") {
    const TemporaryFolder folder;
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    std::filesystem::create_symlink("loop", folder / "loop");
    std::filesystem::create_symlink("nowhere", folder / "dangling");
    folder.write("file", "x");
    const auto open_before = entries("/proc/self/fd");
    const auto told = [&](const std::string& path) {
      const auto mapped = error_of([&] { MappedFile::open(path); }), read = error_of([&] { read_file(path, 100); });
      CHECK(error_of([&] { FileReader{path}; }).message() == mapped.message());
      CHECK(mapped.message() == read.message());
      CHECK(mapped.status() == read.status());
      return mapped;
    };
    CHECK(told(folder / "fifo").message() == folder / "fifo" + ": is a FIFO, expected a regular file");
    CHECK(told(folder / "fifo").status() == Status::io);
    CHECK(told(folder.path()).message() == folder.path() + ": is a directory, expected a regular file");
    CHECK(told("/dev/null").message() == "/dev/null: is a device, expected a regular file");
    CHECK(told(folder / "loop").status() == Status::io);
    CHECK(told(folder / "dangling").status() == Status::not_found);
    CHECK(told(folder / "absent").message() == folder / "absent" + ": cannot be opened: No such file or directory");
    CHECK(told(folder / "file/below").status() == Status::not_found);
    CHECK(told("").status() == Status::argument);
    CHECK(told(std::string("a\0b", 3)).status() == Status::argument);
    CHECK(told(std::string(5000, 'x')).status() == Status::limit);
    CHECK_FALSE(file_exists(folder / "dangling"));
    CHECK(file_exists(folder / "fifo"));
    CHECK(error_of([&] { file_size(folder / "fifo"); }).status() == Status::io);
    CHECK(entries("/proc/self/fd") == open_before);
  }

  TEST_CASE("a file is read where one likes, and not beyond its end") {
    const TemporaryFolder folder;
    const auto path = folder.write("numbers", "0123456789");
    const FileReader file(path);
    CHECK(file.size() == 10);
    std::string found(3, ' ');
    for (const int64_t offset : {7, 0, 4}) {
      file.read(offset, found.data(), found.size());
      CHECK(found == std::string("0123456789").substr(static_cast<size_t>(offset), 3));
    }
    const auto error = error_of([&] { file.read(8, found.data(), 3); });
    CHECK(error.status() == Status::io);
    CHECK(error.message() == path + ": ends after 10 of 11 bytes");
  }

  TEST_CASE("a small file is read up to its limit, and named as asked") {
    const TemporaryFolder folder;
    const auto path = folder.write("config.json", "12345");
    CHECK(read_file(path, 5) == "12345");
    const auto error = error_of([&] { read_file(path, 4, "config.json"); });
    CHECK(error.status() == Status::limit);
    CHECK(error.message() == "config.json: 5 bytes, at most 4");
  }

  TEST_CASE("reading tells its progress, and stops when asked or when the file is cut meanwhile") {
    const TemporaryFolder folder;
    const auto path = folder.write("weights", std::string(9 << 20, 'x'));
    auto how = unmapped();
    std::vector<int64_t> done;
    how.progress = [&](int64_t now, int64_t total) {
      done.push_back(now);
      CHECK(total == 9 << 20);
    };
    MappedFile::open(path, how);
    CHECK(done == std::vector<int64_t>{4 << 20, 8 << 20, 9 << 20});

    CancelToken token;
    how.cancel = Cancel(&token);
    how.progress = [&](int64_t, int64_t) { token.cancel(); };
    CHECK(error_of([&] { MappedFile::open(path, how); }).status() == Status::cancelled);
    token.reset();
    how.progress = [&](int64_t, int64_t) { std::filesystem::resize_file(path, 5 << 20); };
    const auto error = error_of([&] { MappedFile::open(path, how); });
    CHECK(error.status() == Status::io);
    CHECK(error.message() == path + ": ends after 5242880 of 9437184 bytes");
  }

  TEST_CASE("a file appears whole under its name and replaces the old one") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "one");
    CHECK(bytes_of(folder / "a") == "one");
    write_file_atomically(folder / "a", "another");
    CHECK(bytes_of(folder / "a") == "another");
    CHECK(entries(folder.path()) == 1);
  }

  TEST_CASE("what was begun and not committed leaves the old file and nothing else") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "old");
    {
      AtomicFile file(folder / "a");
      file.write("new");
      CHECK(entries(folder.path()) == 2);
    }
    CHECK(bytes_of(folder / "a") == "old");
    CHECK(entries(folder.path()) == 1);
    CHECK(error_of([&] { write_file_atomically(folder / "no/such/place", "x"); }).status() == Status::not_found);
    std::filesystem::create_directory(folder / "directory");
    CHECK(error_of([&] { write_file_atomically(folder / "directory", "x"); }).status() == Status::io);
    CHECK(entries(folder.path()) == 2);
  }

  TEST_CASE("a write the system refuses is an error with its reason") {
    const TemporaryFolder folder;
    rlimit before;
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small = {1 << 20, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const auto error = error_of([&] { write_file_atomically(folder / "a", std::string(2 << 20, 'x')); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);
    CHECK(error.status() == Status::io);
    CHECK(error.message() == folder / "a" + ": cannot be written: File too large");
    CHECK(entries(folder.path()) == 0);
  }
}

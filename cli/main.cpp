// The command `llava`: see and talk from a shell.
#include <filesystem>
#include <iostream>

#include "common.hpp"
#include "mistakes.hpp"
#include "output.hpp"
#include "verbs.hpp"
#include "waiting.hpp"

namespace {

using namespace llava_cli;

// --help and --version are answers; a mistake is one line.
int answer_or_mistake(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const bool of_words = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) ||
                        error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  const auto unknown = of_words ? unknown_word(app) : "";
  const auto mistake = unknown.empty() ? error.what() : unknown;
  const auto* chat = app.get_subcommand("chat");
  if (chat->parsed() && chat->count("--json") > 0)
    std::cout << failure_json(LLAVA_ERR_INVALID_ARGUMENT, mistake) << std::endl;
  complain(mistake + "; see " + reached_verb(app) + " --help");
  return kUsage;
}

int run(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return kDone;
  } catch (const CLI::RuntimeError& error) {  // also a ParseError: a verb that ends with a code of its own
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return answer_or_mistake(app, error);
  }
}

// In a catch block, once what was said so far is out.
int failure() {
  try {
    throw;
  } catch (const UsageError& error) {
    complain(error.what());
    return kUsage;
  } catch (const FileError& error) {
    complain(error.what());
    return kInput;
  } catch (const std::filesystem::filesystem_error& error) {
    complain(error.path1().string() + ": " + error.code().message());
    return kInput;
  } catch (const llava::Error& error) {
    complain(explain(error));
    return exit_code(error);
  } catch (const std::exception& error) {
    complain(error.what());
    return kFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  wait_without_spinning(argc, argv);
  occupy_closed_streams();
  StandardOutput output;
  try {
    show_warnings();
    CLI::App app("Ask a LLaVA about pictures, and look inside it.", "llava");
    app.set_version_flag("--version", "llava " + llava::version());
    app.require_subcommand(1);
    app.footer(kExitCodes);
    add_chat(app);
    add_info(app);
    add_convert(app);
    add_data(app);
    add_train(app);
    add_research(app);
    add_bench(app);
    add_show(app);
    const int code = run(app, argc, argv);
    output.finish();
    return code;
  } catch (...) {
    output.give_up();
    return failure();
  }
}
